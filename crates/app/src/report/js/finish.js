// The whole page in reading order.

showContents();
showHeader();
[showSummary, showCalendar, showMoney, showBound, showLimits, showLift, showDemand, showStock, showTwin, showRejected, showEvidence, showSources].forEach((show) => show());
watchCharts();
followReading();
document.documentElement.setAttribute("data-ready", "true");
})();
