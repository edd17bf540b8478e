// What is wrong with a page as it is now, in its theme and at its size: `lookAtPage`.
//
// Nearly all of axe's time goes to a map of the page on which it weighs the contrast of texts and
// measures targets, and nearly all texts and targets of a site are alike. So it is asked about
// - a text or a link only if none that is drawn as it is has passed: its colours, its size and all
//   that lies below it, for a link also the text around it;
// - a target only if it is not plainly large enough, or alone enough (WCAG 2.5.8), and bare;
// - an area that scrolls only if the keyboard does not come to it;
// - what frames a page (its head, its menus) only if none has passed that is the same;
// - at another size, about everything else only where something came into sight or went.
window.cspViolations = [];
document.addEventListener("securitypolicyviolation", (event) =>
    window.cspViolations.push(
        `${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`,
    ),
);

// The charts are drawn, and nothing fades.
window.settle = async () => {
    const charts = [...document.querySelectorAll("[data-chart]")];
    const width = (element) => Math.round(element.getBoundingClientRect().width);
    const isDrawn = (chart) =>
        chart.dataset.drawn && width(chart.querySelector(".main-svg")) === width(chart);
    const frame = () => new Promise((next) => requestAnimationFrame(next));
    // A page hears of a change of theme or size with its next frame.
    await frame();
    if (charts.length) {
        await frame();
    }
    document.getAnimations().forEach((animation) => animation.finish());
    for (const end = performance.now() + 30_000; !charts.every(isDrawn); await frame()) {
        if (performance.now() > end) {
            throw new Error("a chart is not drawn");
        }
    }
};

window.lookAtPage = (() => {
    const DRAWN = ["color-contrast", "link-in-text-block"];
    const MEASURED = ["target-size", "scrollable-region-focusable"];
    const LINK = "a[href], [role=link]";
    const TARGET = "a[href], button, input, select, textarea, summary, [role], [tabindex]";
    const NAMED = "a, button, summary, label, fieldset, table, ul, ol, dl, figure, svg, [role]";
    const LEAST = 24; // pixels
    let inSight = null; // at the size of the last whole look

    // A short word for a long one: 53 bits of it.
    const short = (text) => {
        let [high, low] = [0xdeadbeef, 0x41c6ce57];
        for (let i = 0; i < text.length; i++) {
            const code = text.charCodeAt(i);
            high = Math.imul(high ^ code, 2654435761);
            low = Math.imul(low ^ code, 1597334677);
        }
        high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
        low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
        return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36);
    };

    const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
    const hasText = (element) =>
        !element.matches("option, optgroup") &&
        (element.matches("input, select, textarea") || [...element.childNodes].some(isText));

    // How elements are drawn; valid as long as theme and size are.
    const drawing = () => {
        const grounds = new Map();
        const among = new Map();
        const ground = (element) => {
            if (!element) {
                return "";
            }
            if (!grounds.has(element)) {
                const style = getComputedStyle(element);
                const own = [
                    style.backgroundColor,
                    style.backgroundImage,
                    style.opacity,
                    style.filter,
                ];
                const position = style.position === "static" ? "" : style.position;
                const drawn = `${own.join()},${style.mixBlendMode},${position};`;
                const isNothing = drawn === "rgba(0, 0, 0, 0),none,1,none,normal,;";
                grounds.set(element, ground(element.parentElement) + (isNothing ? "" : drawn));
            }
            return grounds.get(element);
        };
        const looks = (element) => {
            const style = getComputedStyle(element);
            const isOff = Boolean(element.closest(":disabled, [aria-disabled=true]"));
            const own = [style.color, style.fontSize, style.fontWeight, style.textShadow, isOff];
            return own.join() + "|" + ground(element);
        };
        const manner = (element) => {
            const style = getComputedStyle(element);
            const before = getComputedStyle(element, "::before").content;
            const after = getComputedStyle(element, "::after").content;
            const lines = [style.textDecorationLine, style.borderBottom, style.outlineStyle];
            return [...lines, style.fontFamily, style.fontStyle, before, after].join();
        };
        const surroundings = (link) => {
            let block = link.parentElement;
            while (block.parentElement && getComputedStyle(block).display.startsWith("inline")) {
                block = block.parentElement;
            }
            if (!among.has(block)) {
                const length = (element) => element.textContent.replace(/\s/g, "").length;
                const links = [...block.querySelectorAll(LINK)].map(length);
                const isAmongText = length(block) > links.reduce((sum, one) => sum + one, 0);
                among.set(block, isAmongText ? looks(block) + manner(block) : "alone");
            }
            return among.get(block);
        };
        const words = new Map();
        return (element) => {
            if (!words.has(element)) {
                const drawn = looks(element);
                words.set(element, {
                    text: hasText(element) ? short(drawn) : "",
                    link: element.matches(LINK)
                        ? short(`link ${drawn} ${manner(element)} ${surroundings(element)}`)
                        : "",
                    same: short(`same ${drawn} ${element.outerHTML}`),
                });
            }
            return words.get(element);
        };
    };

    const overlap = (one, other) =>
        one.left < other.right - 0.5 &&
        other.left < one.right - 0.5 &&
        one.top < other.bottom - 0.5 &&
        other.top < one.bottom - 0.5;

    // Those that are not plainly as large as a target must be, or as far from others.
    const doubtfulTargets = (visible) => {
        const boxes = visible
            .map((element) => [element, element.getBoundingClientRect()])
            .filter(([, box]) => box.width && box.height);
        const targets = boxes.filter(([element]) => element.matches(TARGET));
        const centre = (box) => [box.left + box.width / 2, box.top + box.height / 2];
        const isSmall = (box) => box.width < LEAST || box.height < LEAST;
        const isCrowded = ([element, box]) => {
            const [x, y] = centre(box);
            return targets.some(([other, around]) => {
                if (other === element) {
                    return false;
                }
                const [otherX, otherY] = centre(around);
                const aside = Math.max(around.left - x, 0, x - around.right);
                const above = Math.max(around.top - y, 0, y - around.bottom);
                const isNear = Math.hypot(aside, above) < LEAST / 2;
                return isNear || (isSmall(around) && Math.hypot(otherX - x, otherY - y) < LEAST);
            });
        };
        const isCovered = ([element, box]) =>
            boxes.some(
                ([other, around]) =>
                    overlap(box, around) && !other.contains(element) && !element.contains(other),
            );
        // What it is, and where all that is near it lies: where this has passed, it passes again.
        const word = ([element, box]) => {
            const around = new DOMRect(
                box.left - LEAST,
                box.top - LEAST,
                box.width + 2 * LEAST,
                box.height + 2 * LEAST,
            );
            const near = boxes
                .filter(([other, place]) => !other.contains(element) && overlap(around, place))
                .map(([other, { left, top, width, height }]) => {
                    const place = [left - box.left, top - box.top, width, height].map(Math.round);
                    return `${other.localName}.${other.className}@${place}`;
                });
            return short(`${element.outerHTML} ${box.width} ${box.height} ${near.join()}`);
        };
        const isDoubtful = (one) => (isSmall(one[1]) && isCrowded(one)) || isCovered(one);
        return targets.filter(isDoubtful).map((one) => [one[0], word(one)]);
    };

    const scrollsWithoutKeys = (element) => {
        const { overflowX, overflowY } = getComputedStyle(element);
        const scrolls = (overflow) => overflow === "auto" || overflow === "scroll";
        const isWide = scrolls(overflowX) && element.scrollWidth > element.clientWidth;
        const isHigh = scrolls(overflowY) && element.scrollHeight > element.clientHeight;
        const isReached = (one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility();
        return (isWide || isHigh) && ![element, ...element.querySelectorAll("*")].some(isReached);
    };

    // Where something came into sight since the whole look, or went from what it may have named.
    const changed = (visible) => {
        const now = new Set(visible);
        const came = visible.filter((one) => !inSight.has(one));
        const gone = [...inSight].filter((one) => one.isConnected && !now.has(one));
        const edges = gone.filter((one) => now.has(one.parentElement));
        const around = edges.map((one) => one.parentElement.closest(NAMED));
        const labels = gone.map((one) => one.closest("label")?.control);
        return [...came, ...around, ...labels].filter((one) => one && now.has(one));
    };

    const outermost = (elements) => {
        const all = new Set(elements);
        const isInside = (one) => {
            let outer = one.parentElement;
            while (outer && !all.has(outer)) {
                outer = outer.parentElement;
            }
            return Boolean(outer);
        };
        return [...all].filter((one) => !isInside(one));
    };

    const ask = (context, rules, more = {}) =>
        axe.run(context, {
            preload: false,
            selectors: false,
            runOnly: rules,
            resultTypes: ["violations"],
            ...more,
        });

    // scope: "page" is everything; "size" what another size can change; "colours" what a theme can.
    return async ({ tags, known, scope }) => {
        const stopped = window.cspViolations;
        const drawnAs = drawing();
        const passed = new Set(known);
        const nowPassed = [];
        const violations = [];
        const visible = [...document.body.querySelectorAll("*")].filter((element) =>
            element.checkVisibility(),
        );
        const off = Object.fromEntries([...DRAWN, ...MEASURED].map((id) => [id, { enabled: false }]));
        const every = { type: "tag", values: tags };
        if (scope === "page" || !inSight) {
            const word = (element) => short(`frame ${element.outerHTML}`);
            const frames = outermost(document.querySelectorAll("header, nav, aside, footer"));
            const exclude = frames.filter((one) => passed.has(word(one)));
            const context = exclude.length ? { exclude } : document;
            const found = await ask(context, every, { rules: off });
            violations.push(...found.violations);
            nowPassed.push(...(found.violations.length ? [] : frames.map(word)));
            inSight = new Set(visible);
        } else if (scope === "size") {
            const word = (element) => short(`${innerWidth} ${element.outerHTML}`);
            const parts = outermost(changed(visible)).filter((one) => !passed.has(word(one)));
            if (parts.length) {
                const found = await ask({ include: parts }, every, { rules: off });
                violations.push(...found.violations);
                nowPassed.push(...(found.violations.length ? [] : parts.map(word)));
            }
        }

        const unknown = visible.filter((element) => {
            if (!hasText(element) && !element.matches(LINK)) {
                return false;
            }
            const { text, link, same } = drawnAs(element);
            return [text, link].some((word) => word && !passed.has(word)) && !passed.has(same);
        });
        const targets = (scope === "colours" ? [] : doubtfulTargets(visible)).filter(
            ([, word]) => !passed.has(word),
        );
        const scrolling = scope === "colours" ? [] : visible.filter(scrollsWithoutKeys);
        const measured = [...targets.map(([element]) => element), ...scrolling];
        if (unknown.length || measured.length) {
            const values = measured.length ? [...DRAWN, ...MEASURED] : DRAWN;
            const found = await ask(
                { include: outermost([...unknown, ...measured]) },
                { type: "rule", values },
                { resultTypes: ["violations", "passes", "incomplete"], elementRef: true },
            );
            violations.push(...found.violations);
            const elements = (results, id) =>
                results
                    .filter((rule) => !id || rule.id === id)
                    .flatMap((rule) => rule.nodes.map((node) => node.element));
            const faulty = new Set(elements(found.violations));
            const untold = new Set(elements(found.incomplete, "link-in-text-block"));
            const weighed = elements(found.passes, "color-contrast").filter(hasText);
            nowPassed.push(...weighed.map((one) => drawnAs(one).text));
            const isClean = ([element]) => ![...faulty].some((one) => element.contains(one));
            nowPassed.push(...targets.filter(isClean).map(([, word]) => word));
            const clean = unknown.filter((one) => !faulty.has(one));
            const told = clean.filter((one) => !untold.has(one));
            nowPassed.push(...told.map((one) => drawnAs(one).link));
            const allPassed = new Set([...passed, ...nowPassed, ""]);
            const open = ({ text, link }) => !allPassed.has(text) || !allPassed.has(link);
            nowPassed.push(...clean.map(drawnAs).filter(open).map(({ same }) => same));
        }
        const faults = violations.flatMap((rule) =>
            rule.nodes.map((node) => [rule.id, node.html, node.failureSummary ?? ""]),
        );
        window.cspViolations = []; // axe writes styles that the policy stops
        const { scrollWidth, clientWidth } = document.documentElement;
        return {
            stopped,
            sideways: scrollWidth - clientWidth,
            faults,
            passed: [...new Set(nowPassed)].filter((word) => word && !passed.has(word)),
        };
    };
})();
