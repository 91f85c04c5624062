// The charting library, only what is used, in the desk's colours. Loaded when the first chart is shown.

import { BarChart, CustomChart, HeatmapChart, LineChart, ScatterChart } from 'echarts/charts';
import {
  AriaComponent,
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapComponent,
} from 'echarts/components';
import { type ECharts, init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { colour } from './colour';

use([
  AriaComponent,
  BarChart,
  CanvasRenderer,
  CustomChart,
  DataZoomComponent,
  GridComponent,
  HeatmapChart,
  LegendComponent,
  LineChart,
  MarkAreaComponent,
  MarkLineComponent,
  ScatterChart,
  TooltipComponent,
  VisualMapComponent,
]);

export type Option = Parameters<ECharts['setOption']>[0];

/** Lines that a legend needs, by the usual widths of its marks and letters. */
function lines(names: string[], room: number): number {
  let [count, used] = [1, 0];
  for (const name of names) {
    const width = 45 + name.length * 7;
    if (used > 0 && used + width > room) [count, used] = [count + 1, 0];
    used += width;
  }
  return count;
}

/** Draws or redraws. Tooltips are drawn on the canvas: the page's content policy allows no inline styles. */
export function draw(element: HTMLElement, option: Option, known?: ECharts): ECharts {
  const chart = known ?? init(element);
  const axis = {
    axisLine: { lineStyle: { color: colour('line') } },
    axisLabel: { color: colour('muted') },
    splitLine: { lineStyle: { color: colour('line') } },
  };
  const themed = (axes: unknown) =>
    axes === undefined
      ? undefined
      : ([axes].flat() as { axisLabel?: object }[]).map((one) => ({ ...axis, ...one, axisLabel: { ...axis.axisLabel, ...one.axisLabel } }));
  const given = option as Record<string, unknown>;
  const names = ([given.series ?? []].flat() as { name?: string }[]).map((series) => series.name ?? '').filter(Boolean);
  const more = given.legend ? (lines([...new Set(names)], element.clientWidth) - 1) * 22 : 0;
  const grid = given.grid as { bottom?: number } | undefined;
  chart.setOption(
    {
      animation: false,
      textStyle: { color: colour('text'), fontFamily: getComputedStyle(document.body).fontFamily },
      color: ['accent', 'second', 'warn', 'bad', 'good', 'quiet'].map(colour),
      grid: { left: 8, right: 12, top: 28, bottom: 8, containLabel: true },
      aria: { enabled: true },
      ...given,
      ...(more && grid ? { grid: { ...grid, bottom: (grid.bottom ?? 0) + more } } : {}),
      legend: given.legend && { textStyle: { color: colour('text') }, ...(given.legend as object) },
      xAxis: themed(given.xAxis),
      yAxis: themed(given.yAxis),
      tooltip: {
        trigger: 'axis',
        confine: true,
        renderMode: 'richText',
        backgroundColor: colour('raised'),
        borderColor: colour('line'),
        textStyle: { color: colour('text'), fontSize: 12 },
        ...((given.tooltip as object | undefined) ?? {}),
      },
    } as Option,
    true,
  );
  return chart;
}
