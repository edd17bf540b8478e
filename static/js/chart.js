// Draws the figures on a page with Plotly, which is fetched only when there is one.
"use strict";

(() => {
    const canvases = () => [...document.querySelectorAll("[data-chart]")];
    if (!canvases().length) {
        return;
    }
    const GLOBAL_STYLE = "plotly.js-style-global";
    const PALETTE = [1, 2, 3, 4, 5, 6].map((n) => `var(--chart-${n})`);
    const narrow = matchMedia("(width < 40rem)");

    // A colour that follows the theme has to be worked out on an element that is in the page.
    const probe = document.createElement("i");
    probe.hidden = true;
    document.body.append(probe);
    const colour = (value) => {
        probe.style.color = value;
        return getComputedStyle(probe).color;
    };
    const resolved = (value) => {
        if (typeof value === "string") {
            return value.startsWith("var(--") ? colour(value) : value;
        }
        if (Array.isArray(value)) {
            return value.map(resolved);
        }
        if (value && typeof value === "object") {
            return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolved(v)]));
        }
        return value;
    };

    const axis = (given = {}) => ({
        automargin: true,
        showline: false,
        gridcolor: "var(--line)",
        zerolinecolor: "var(--line-strong)",
        ...given,
        tickfont: { size: 12, ...given.tickfont },
    });

    const layout = (given = {}) => {
        const axes = Object.keys(given).filter((key) => /^[xy]axis\d*$/.test(key));
        const named = [...new Set([...axes, "xaxis", "yaxis"])];
        const isNarrow = narrow.matches;
        return {
            colorway: PALETTE,
            margin: { l: 8, r: 8, t: 8, b: 8 },
            legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
            hovermode: "x unified",
            bargap: 0.35,
            ...given,
            ...Object.fromEntries(
                named.map((name) => [
                    name,
                    {
                        ...axis(given[name]),
                        fixedrange: true,
                        ...(name.startsWith("x")
                            ? { showgrid: false, ...(isNarrow ? { nticks: 5 } : {}) }
                            : {}),
                        ...(isNarrow && name.startsWith("y") ? { title: { text: "" } } : {}),
                    },
                ]),
            ),
            template: null,
            autosize: true,
            paper_bgcolor: "rgba(0,0,0,0)",
            plot_bgcolor: "rgba(0,0,0,0)",
            font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: "var(--ink-quiet)" },
            hoverlabel: {
                bgcolor: "var(--surface-raised)",
                bordercolor: "var(--line)",
                font: { color: "var(--ink)" },
            },
        };
    };

    const waterfall = (trace) => ({
        increasing: { marker: { color: "var(--chart-2)" } },
        decreasing: { marker: { color: "var(--chart-4)" } },
        totals: { marker: { color: "var(--chart-1)" } },
        connector: { line: { color: "var(--line-strong)", width: 1 } },
        ...trace,
    });

    const draw = async (canvas) => {
        delete canvas.dataset.drawn;
        const figure = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
        const data = figure.data.map((t) => (t.type === "waterfall" ? waterfall(t) : t));
        canvas.querySelector(".chart-wait")?.remove();
        await window.Plotly.react(canvas, resolved(data), resolved(layout(figure.layout)), {
            displayModeBar: false,
            displaylogo: false,
            responsive: true,
        });
        canvas.dataset.drawn = "yes";
    };
    const drawAll = () => canvases().forEach(draw);

    // Plotly adds no <style> of its own where an element of this id and class stands already.
    const placeStyles = (canvas) =>
        new Promise((done, failed) => {
            const link = document.createElement("link");
            link.rel = "stylesheet";
            link.id = GLOBAL_STYLE;
            link.className = "no-inline-styles";
            link.href = canvas.dataset.plotlyCss;
            link.onload = done;
            link.onerror = failed;
            const mapStyle = document.createElement("meta");
            mapStyle.id = canvas.dataset.plotlyMapStyle;
            document.head.append(link, mapStyle);
        });
    const fetchPlotly = (canvas) =>
        new Promise((done, failed) => {
            const script = document.createElement("script");
            script.src = canvas.dataset.plotly;
            script.onload = done;
            script.onerror = failed;
            document.head.append(script);
        });

    const start = async () => {
        const [first] = canvases();
        try {
            await placeStyles(first);
            await fetchPlotly(first);
        } catch {
            document.querySelectorAll(".chart-wait").forEach((words) => {
                words.textContent = "The drawing could not be loaded; the figures are below.";
            });
            return;
        }
        drawAll();
        document.addEventListener("theme", drawAll);
        narrow.addEventListener("change", drawAll);
        document.addEventListener("htmx:afterSettle", drawAll);
    };

    document.addEventListener("click", (event) => {
        const button = event.target.closest("[data-act=chart-image]");
        if (button && window.Plotly) {
            const name = button.dataset.for;
            window.Plotly.downloadImage(document.getElementById(name), {
                format: "png",
                filename: name,
                scale: 2,
            });
        }
    });

    start();
})();
