(function () {
  var style = getComputedStyle(document.documentElement);
  var colour = function (i) { return style.getPropertyValue(["--c1", "--c2", "--c3"][i % 3]).trim(); };
  JSON.parse(document.getElementById("plots").textContent).forEach(function (plot, index) {
    var xs = {};
    plot.series.forEach(function (s) { s.points.forEach(function (p) { xs[p[0]] = true; }); });
    var rows = Object.keys(xs).map(Number).sort(function (a, b) { return a - b; }).map(function (x) {
      return [x].concat(plot.series.map(function (s) {
        var hit = s.points.filter(function (p) { return p[0] === x; })[0];
        return hit ? [100 * hit[2], 100 * hit[1], 100 * hit[3]] : [null, null, null];
      }));
    });
    if (rows.length < 1) return;
    new Dygraph(document.getElementById("plot" + index), rows, {
      labels: ["training tokens"].concat(plot.series.map(function (s) { return s.name; })), customBars: true, connectSeparatedPoints: true, drawPoints: true, pointSize: 3, strokeWidth: 2, fillAlpha: 0.2,
      colors: plot.series.map(function (_, i) { return colour(i); }), valueRange: [-3, 103], xlabel: "training tokens", ylabel: plot.label + ", %", gridLineColor: style.getPropertyValue("--line").trim(),
      axisLineColor: style.getPropertyValue("--line").trim(), legend: "always", labelsDiv: "legend" + index, labelsSeparateLines: false, highlightCircleSize: 5, xRangePad: 12
    });
  });
})();
