// Of a report's page: tables that sort, switches that change together, and figures to zoom in.  Without it all numbers
// and drawings are there.
(function () {
  "use strict";
  var DASHES = [null, [7, 4], [2, 3], [10, 3, 2, 3], [4, 2]];

  function style(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  // ---- tables
  // The number that a field begins with, or its text.
  function key(row, column) {
    var text = row.cells[column].firstChild ? row.cells[column].firstChild.textContent : "";
    var number = parseFloat(text.replace(/,/g, "").replace(/\u2212/g, "-"));
    return isNaN(number) ? text.toLowerCase() : number;
  }

  function sort(table, column, isDown) {
    var rows = Array.prototype.slice.call(table.tBodies[0].rows);
    rows.map(function (row, place) { return { row: row, key: key(row, column), place: place }; }).sort(function (a, b) {
      var order = typeof a.key === typeof b.key ? (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) : typeof a.key === "number" ? -1 : 1;
      return (isDown ? -order : order) || a.place - b.place;
    }).forEach(function (one) { table.tBodies[0].appendChild(one.row); });
  }

  document.querySelectorAll(".table table").forEach(function (table) {
    if (table.tBodies[0].rows.length < 4) return;
    var heads = table.tHead.rows[0].cells;
    Array.prototype.forEach.call(heads, function (head, column) {
      var button = document.createElement("button"), label = head.querySelector("span");
      button.type = "button";
      button.title = "Sort by this column";
      head.insertBefore(button, label);
      button.appendChild(label);
      button.addEventListener("click", function () {
        var isDown = head.getAttribute("aria-sort") === "ascending";
        Array.prototype.forEach.call(heads, function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
        sort(table, column, isDown);
      });
    });
  });

  // ---- figures
  function mark(context, x, y, shape, colour) {
    var r = 4, kind = shape % 5;
    context.beginPath();
    if (kind === 0) context.arc(x, y, r, 0, 2 * Math.PI);
    if (kind === 1) context.rect(x - r, y - r, 2 * r, 2 * r);
    if (kind === 2) { context.moveTo(x, y - r); context.lineTo(x + r, y + r * 0.8); context.lineTo(x - r, y + r * 0.8); context.closePath(); }
    if (kind === 3) { context.moveTo(x, y - r); context.lineTo(x + r, y); context.lineTo(x, y + r); context.lineTo(x - r, y); context.closePath(); }
    if (kind === 4) { context.moveTo(x, y + r); context.lineTo(x + r, y - r * 0.8); context.lineTo(x - r, y - r * 0.8); context.closePath(); }
    context.strokeStyle = colour;
    context.fillStyle = shape > 0 ? style("--page") : colour;
    context.lineWidth = 1.5;
    context.setLineDash([]);
    context.fill();
    context.stroke();
  }

  function short(x) { return x >= 1e6 ? +(x / 1e6).toFixed(1) + " M" : x >= 1e4 ? Math.round(x / 1e3) + " k" : String(+x.toPrecision(4)); }

  function zoom(figure) {
    var details = figure.querySelector("details.zoom"), chosen = figure.querySelector("fieldset.switch input:checked");
    if (!details || !details.open) return;
    var drawn = JSON.parse(details.querySelector("script").textContent)[chosen ? Number(chosen.value) : 0];
    var names = [], xs = {}, options = {}, legend = details.querySelector(".legend");
    drawn.series.forEach(function (s, i) {
      names.push(s.name + (names.indexOf(s.name) >= 0 ? " (" + (i + 1) + ")" : ""));
      s.points.forEach(function (p) { xs[p[0]] = true; });
      var colour = style("--" + s.colour);
      function draw(g, name, context, x, y) { mark(context, x, y, s.shape, colour); }
      options[names[i]] = { color: colour, strokePattern: DASHES[s.shape % 5], drawPointCallback: draw, drawHighlightPointCallback: draw };
    });
    var rows = Object.keys(xs).map(Number).sort(function (a, b) { return a - b; }).map(function (x) {
      return [x].concat(drawn.series.map(function (s) {
        var hit = s.points.filter(function (p) { return p[0] === x; })[0];
        return hit ? [100 * hit[2], 100 * hit[1], 100 * hit[3]] : [null, null, null];
      }));
    });
    var idle = "Drag to zoom, double-click to return; rest on a point to read it.";
    legend.textContent = idle;
    new Dygraph(details.querySelector(".plot"), rows, {
      labels: ["x"].concat(names), series: options, customBars: true, connectSeparatedPoints: true, drawPoints: true, pointSize: 4, highlightCircleSize: 6, strokeWidth: 2,
      fillAlpha: 0.14, valueRange: [-4, 104], xlabel: drawn.x, ylabel: drawn.y, legend: "never", xRangePad: 14, labelsKMB: false, gridLineColor: style("--line"),
      axisLineColor: style("--soft"), axisLabelFontSize: 12,
      axes: { x: { axisLabelFormatter: short, pixelsPerLabel: 64, axisLabelWidth: 48 }, y: { axisLabelFormatter: function (y) { return y < 0 || y > 100 ? "" : String(Math.round(y)); }, axisLabelWidth: 36, pixelsPerLabel: 40 } },
      highlightCallback: function (event, x) {
        var notes = [];
        drawn.series.forEach(function (s) { s.points.forEach(function (p) { if (p[0] === x && notes.indexOf(p[4]) < 0) notes.push(p[4]); }); });
        legend.textContent = notes.join(" \u00b7 ");
      },
      unhighlightCallback: function () { legend.textContent = idle; }
    });
  }

  document.querySelectorAll("figure").forEach(function (figure) {
    var details = figure.querySelector("details.zoom");
    if (details) details.addEventListener("toggle", function () { zoom(figure); });
  });

  // What one figure is drawn against, all are.
  document.querySelectorAll("fieldset.switch input").forEach(function (input) {
    input.addEventListener("change", function () {
      document.querySelectorAll("fieldset.switch input[value=\"" + input.value + "\"]").forEach(function (other) {
        other.checked = true;
        zoom(other.closest("figure"));
      });
    });
  });

  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { document.querySelectorAll("figure").forEach(zoom); });
})();
