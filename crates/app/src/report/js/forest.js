// Estimates with their intervals, one line each.

/**
 * Forest plot: [{label, mean, lo, hi, tone, mark}], `tone` a colour of the palette, `mark` a second figure to compare with.
 * `wrap` breaks long labels in two lines. `show` writes a figure, `short` one on the axis; `marks` names the second figure.
 */
function forest(description, rows, { axis, show, short = show, meanName, marks = null, from = null, to = null, wrap = false }) {
  const line = 26;
  return chart(description, 84 + line * rows.length, (colours, narrow) => {
    const clip = (value) => Math.min(to ?? Infinity, Math.max(from ?? -Infinity, value));
    const label = (row) => (narrow && !wrap && row.label.length > 22 ? `${row.label.slice(0, 21)}…` : row.label);
    return {
      grid: { left: narrow ? 138 : 310, right: 20, top: marks ? 32 : 10, bottom: 46 },
      legend: marks ? { top: 0, right: 0, textStyle: { color: colours.text }, data: [meanName, marks] } : undefined,
      tooltip: tooltip(colours, "item", ({ dataIndex }) => {
        const row = rows[dataIndex];
        const lines = [row.label, [meanName, show(row.mean)], ["95 % interval", `${show(row.lo)} to ${show(row.hi)}`]];
        if (marks && row.mark !== null) lines.push([marks, show(row.mark)]);
        if (row.note) lines.push(["Note", row.note]);
        return lines;
      }),
      xAxis: {
        type: "value", name: axis, nameLocation: "middle", nameGap: 28, min: from ?? undefined, max: to ?? undefined, splitNumber: narrow ? 3 : 6, ...axisStyle(colours),
        axisLabel: { color: colours.muted, formatter: short, hideOverlap: true },
      },
      yAxis: {
        type: "category", inverse: true, data: rows.map(label), ...axisStyle(colours), axisTick: { show: false }, splitLine: { show: false },
        axisLine: { show: false }, axisLabel: { color: colours.text, fontSize: narrow ? 11 : 12, width: narrow ? 128 : 300, lineHeight: 13, overflow: wrap ? "break" : "truncate", interval: 0 },
      },
      series: [
        {
          name: meanName, type: "custom", encode: { x: [1, 2, 3], y: 0 }, itemStyle: { color: colours.accent }, clip: true,
          data: rows.map((row, at) => [at, clip(row.mean), clip(row.lo), clip(row.hi)]),
          renderItem: ({ dataIndex }, api) => {
            const row = rows[dataIndex];
            const colour = colours[row.tone] ?? colours.accent;
            const [x, y] = api.coord([clip(row.mean), dataIndex]);
            const [low] = api.coord([clip(row.lo), dataIndex]);
            const [high] = api.coord([clip(row.hi), dataIndex]);
            return {
              type: "group",
              children: [
                { type: "line", shape: { x1: low, y1: y, x2: high, y2: y }, style: { stroke: colour, lineWidth: 2.5, opacity: 0.75 } },
                { type: "circle", shape: { cx: x, cy: y, r: 4.5 }, style: { fill: colour } },
              ],
            };
          },
          markLine: { silent: true, symbol: "none", lineStyle: { color: colours.muted, type: "solid", width: 1 }, label: { show: false }, data: [{ xAxis: 0 }] },
        },
        ...(marks ? [{
          name: marks, type: "scatter", symbol: "diamond", symbolSize: 9, itemStyle: { color: colours.surface, borderColor: colours.warn, borderWidth: 2 },
          data: rows.map((row, at) => (row.mark === null ? null : [clip(row.mark), at])).filter((point) => point),
          tooltip: { show: false }, z: 4,
        }] : []),
      ],
    };
  });
}

