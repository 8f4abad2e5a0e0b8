// Draws each plot of the page's data with its legend.  Colour tells the arm; dash and mark tell what is measured.
(function () {
  "use strict";
  var DASHES = [null, [7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [1, 3]];
  var COLOURS = { attack: ["--c1", "--c4", "--c6"], benign: ["--c2", "--c5"], "no-op": ["--c3"] };
  var narrow = window.innerWidth < 600;

  function style(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  // Later measures have larger, hollow marks, so that lines that coincide show both.
  function mark(context, x, y, index, colour) {
    var r = 3 + index % 4;
    context.beginPath();
    if (index % 4 === 0) context.arc(x, y, r, 0, 2 * Math.PI);
    if (index % 4 === 1) context.rect(x - r, y - r, 2 * r, 2 * r);
    if (index % 4 === 2) { context.moveTo(x, y - r); context.lineTo(x + r, y + r * 0.8); context.lineTo(x - r, y + r * 0.8); context.closePath(); }
    if (index % 4 === 3) { context.moveTo(x, y - r); context.lineTo(x + r, y); context.lineTo(x, y + r); context.lineTo(x - r, y); context.closePath(); }
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 1.5;
    context.setLineDash([]);
    if (index === 0) context.fill();
    context.stroke();
  }

  function swatch(series, colour) {
    var scale = window.devicePixelRatio || 1, canvas = document.createElement("canvas");
    canvas.width = 34 * scale;
    canvas.height = 14 * scale;
    canvas.style.cssText = "width:34px;height:14px";
    var context = canvas.getContext("2d");
    context.scale(scale, scale);
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.setLineDash(DASHES[series.measureIndex % DASHES.length] || []);
    context.beginPath();
    context.moveTo(0, 7);
    context.lineTo(34, 7);
    context.stroke();
    mark(context, 17, 7, series.measureIndex, colour);
    return canvas;
  }

  function tokens(x) { return x >= 1e6 ? (x / 1e6).toFixed(1) + " M" : x >= 1e4 ? Math.round(x / 1e3) + " k" : x >= 1e3 ? (x / 1e3).toFixed(1).replace(".0", "") + " k" : String(x); }

  function draw(plot, index) {
    var element = document.getElementById("plot" + index), legend = document.getElementById("legend" + index);
    if (!element) return;
    var counts = {}, colourOf = {};
    plot.series.forEach(function (s) {
      if (colourOf[s.arm]) return;
      var kind = COLOURS[s.kind] ? s.kind : "no-op", i = counts[kind] = (counts[kind] || 0) + 1;
      colourOf[s.arm] = style(COLOURS[kind][(i - 1) % COLOURS[kind].length]);
    });
    var names = plot.series.map(function (s) { return s.arm + ": " + s.measure; }), xs = {}, steps = {};
    plot.series.forEach(function (s) { s.points.forEach(function (p) { xs[p[0]] = true; steps[p[0]] = p[4]; }); });
    var rows = Object.keys(xs).map(Number).sort(function (a, b) { return a - b; }).map(function (x) {
      return [x].concat(plot.series.map(function (s) {
        var hit = s.points.filter(function (p) { return p[0] === x; })[0];
        return hit ? [100 * hit[2], 100 * hit[1], 100 * hit[3]] : [null, null, null];
      }));
    });
    legend.textContent = "";
    var values = plot.series.map(function (s, i) {
      var entry = document.createElement("span"), value = document.createElement("b");
      entry.className = "key";
      entry.appendChild(swatch(s, colourOf[s.arm]));
      entry.appendChild(document.createTextNode(" " + names[i] + " "));
      entry.appendChild(value);
      legend.appendChild(entry);
      return value;
    });
    var where = document.createElement("span");
    where.className = "key where";
    legend.appendChild(where);
    var perSeries = {};
    plot.series.forEach(function (s, i) {
      perSeries[names[i]] = {
        color: colourOf[s.arm], strokePattern: DASHES[s.measureIndex % DASHES.length],
        drawPointCallback: function (g, name, context, x, y, colour) { mark(context, x, y, s.measureIndex, colour); },
        drawHighlightPointCallback: function (g, name, context, x, y, colour) { mark(context, x, y, s.measureIndex, colour); }
      };
    });
    new Dygraph(element, rows, {
      labels: ["training tokens"].concat(names), series: perSeries, customBars: true, connectSeparatedPoints: true, drawPoints: true, pointSize: 4, highlightCircleSize: 6,
      strokeWidth: 2, fillAlpha: 0.14, valueRange: [-4, 104], xlabel: "training tokens", ylabel: plot.label, legend: "never", xRangePad: 14, labelsKMB: false,
      gridLineColor: style("--line"), axisLineColor: style("--soft"), axisLabelFontSize: 12,
      axes: { x: { axisLabelFormatter: tokens, pixelsPerLabel: narrow ? 56 : 64, axisLabelWidth: 48 }, y: { axisLabelFormatter: function (y) { return y < 0 || y > 100 ? "" : String(Math.round(y)); }, axisLabelWidth: 36, pixelsPerLabel: 40 } },
      highlightCallback: function (event, x, points) {
        values.forEach(function (value) { value.textContent = ""; });
        points.forEach(function (p) { var i = names.indexOf(p.name); if (i >= 0 && p.yval !== null && !isNaN(p.yval)) values[i].textContent = p.yval.toFixed(1) + " %"; });
        where.textContent = "step " + steps[x] + ", " + Math.round(x).toLocaleString("en") + " tokens";
      },
      unhighlightCallback: function () { values.forEach(function (value) { value.textContent = ""; }); where.textContent = ""; }
    });
  }

  function drawAll() { JSON.parse(document.getElementById("plots").textContent).forEach(draw); }
  drawAll();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  window.addEventListener("beforeprint", function () { document.querySelectorAll("details").forEach(function (one) { one.open = true; }); });
})();
