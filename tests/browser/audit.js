// What is wrong with a page as it is now, in its theme and at its size: `lookAtPage`.
//
// Nearly all of axe's time goes to a map of the page on which it weighs the contrast of texts and
// measures targets, and nearly all texts and targets of a site are alike. So it is asked about
// - a text or a link only if none that is drawn as it is has passed: its colour, whether it counts as
//   large, and all that is seen below it; for a link among text also that text;
// - a target only if it is not plainly large enough, or alone enough (WCAG 2.5.8), and bare;
// - an area that scrolls only if the keyboard does not come to it;
// - what frames a page (its head, its menus) only if none has passed that is the same;
// - at another size, about everything else only where something came into sight or went.
// It is asked once a look, for most of what is left is its map: of what it need not be asked about
// its own rules are told that it is no matter of theirs.
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
    const TARGET = ":is(a[href], button, input, select, textarea, summary, [role]):not([role=region])";
    const FIELD = "select, textarea, input:not([type=checkbox], [type=radio], [type=hidden])";
    const NOTHING = "inset(50%)"; // what is for the ears alone
    const HIDDEN = /<input type="hidden"[^>]*>/g;
    const NAMED = "a, button, summary, label, fieldset, table, ul, ol, dl, figure, svg, [role]";
    const LEAST = 24; // pixels
    const [LARGE, LARGE_IF_BOLD] = [24, 18.66]; // pixels: 18 and 14 points
    const passed = new Set();
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

    // What a function gives for an element is asked of it once.
    const kept = (give) => {
        const given = new Map();
        return (element) => {
            if (!given.has(element)) {
                given.set(element, give(element));
            }
            return given.get(element);
        };
    };

    // An element, but for what is another at each visit and not seen.
    const bare = (element) => element.outerHTML.replace(HIDDEN, "");

    const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
    const hasText = (element) =>
        !element.matches("option, optgroup") &&
        (element.matches(FIELD) || [...element.childNodes].some(isText));

    // How elements are drawn; valid as long as theme and size are.
    const drawing = () => {
        const grounds = new Map();
        const among = new Map();
        // What is seen below an element, and what changes all that is drawn in it.
        const ground = (element) => {
            if (!element) {
                return { below: "", effects: "", isSeen: true };
            }
            if (!grounds.has(element)) {
                const outer = ground(element.parentElement);
                const style = getComputedStyle(element);
                const { backgroundColor: colour, backgroundImage: image } = style;
                const isCover =
                    image === "none" &&
                    style.backgroundClip === "border-box" &&
                    !/^rgba|[/]|transparent/.test(colour);
                const isBare = image === "none" && colour === "rgba(0, 0, 0, 0)";
                const place = style.position === "static" ? "" : style.position;
                const own = isBare ? place : `${colour},${image},${style.backgroundClip},${place}`;
                const effect = `${style.opacity},${style.filter},${style.mixBlendMode}`;
                grounds.set(element, {
                    isSeen: outer.isSeen && style.clipPath !== NOTHING,
                    below: isCover ? colour : outer.below + (own && `;${own}`),
                    effects: outer.effects + (effect === "1,none,normal" ? "" : `;${effect}`),
                });
            }
            return grounds.get(element);
        };
        // Of a text's size it matters to the contrast only whether WCAG 1.4.3 calls it large.
        const isLarge = ({ fontSize, fontWeight }) =>
            parseFloat(fontSize) >= (Number(fontWeight) >= 700 ? LARGE_IF_BOLD : LARGE);
        const looks = (element) => {
            const style = getComputedStyle(element);
            const { below, effects } = ground(element);
            const isOff = Boolean(element.closest(":disabled, [aria-disabled=true]"));
            return [style.color, isLarge(style), style.textShadow, isOff, below, effects].join("|");
        };
        const manner = (element) => {
            const style = getComputedStyle(element);
            const before = getComputedStyle(element, "::before").content;
            const after = getComputedStyle(element, "::after").content;
            const lines = [style.textDecorationLine, style.borderBottom, style.outlineStyle];
            return [...lines, style.fontFamily, style.fontStyle, before, after].join();
        };
        const surroundings = (link) => {
            if (getComputedStyle(link).display !== "inline") {
                return ""; // to axe only what is inline stands in a text
            }
            let block = link.parentElement;
            while (block.parentElement && getComputedStyle(block).display.startsWith("inline")) {
                block = block.parentElement;
            }
            if (!among.has(block)) {
                const length = (element) => element.textContent.replace(/\s/g, "").length;
                const links = [...block.querySelectorAll(LINK)].map(length);
                const isAmongText = length(block) > links.reduce((sum, one) => sum + one, 0);
                among.set(block, isAmongText ? looks(block) + manner(block) : "");
            }
            return among.get(block);
        };
        const text = (element) =>
            hasText(element) && ground(element).isSeen ? short(looks(element)) : "";
        // A link that stands alone is told from no text.
        const link = (element) => {
            const around = element.matches(LINK) ? surroundings(element) : "";
            return around && short(`link ${looks(element)} ${manner(element)} ${around}`);
        };
        const same = (element) => short(`same ${looks(element)} ${bare(element)}`);
        return { text: kept(text), link: kept(link), same: kept(same) };
    };

    const contains = (one, other) =>
        one.left <= other.left &&
        one.right >= other.right &&
        one.top <= other.top &&
        one.bottom >= other.bottom;
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
                    overlap(box, around) &&
                    (other.matches(TARGET) || contains(around, box)) &&
                    !other.contains(element) &&
                    !element.contains(other) &&
                    getComputedStyle(other).pointerEvents !== "none",
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
            return short(`${bare(element)} ${box.width} ${box.height} ${near.join()}`);
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

    // Of these rules axe is asked only about some elements; which of them they are about is kept.
    const asked = new Map([...DRAWN, ...MEASURED].map((id) => [id, new Set()]));
    const judged = new Map([...asked.keys()].map((id) => [id, new Set()]));
    axe._audit.rules
        .filter((rule) => asked.has(rule.id))
        .forEach((rule) => {
            const matches = rule.matches;
            rule.matches = (element, ...more) => {
                const isMatter = asked.get(rule.id).has(element) && matches(element, ...more);
                if (isMatter) {
                    judged.get(rule.id).add(element);
                }
                return isMatter;
            };
        });
    const ask = (context, tags, elements) => {
        const nothing = [];
        asked.forEach((some, id) => {
            some.clear();
            judged.get(id).clear();
            elements[id].forEach((element) => some.add(element));
            if (!some.size) {
                nothing.push([id, { enabled: false }]);
            }
        });
        const ids = [...asked.keys()].filter((id) => asked.get(id).size);
        return axe.run(context, {
            preload: false,
            selectors: false,
            elementRef: true,
            resultTypes: ["violations", "incomplete"],
            ...(tags
                ? {
                      runOnly: { type: "tag", values: tags },
                      rules: Object.fromEntries(nothing),
                  }
                : { runOnly: { type: "rule", values: ids } }),
        });
    };

    // scope: "page" is everything; "size" what another size can change; "colours" what a theme can.
    // isThorough: axe is asked about everything at each look, and nothing that is known counts.
    return async (terms) => {
        const { tags, known, scope, isThorough } = JSON.parse(terms);
        const stopped = window.cspViolations;
        const drawnAs = drawing();
        known.forEach((word) => passed.add(word));
        const nowPassed = [];
        const visible = [...document.body.querySelectorAll("*")].filter((element) =>
            element.checkVisibility(),
        );

        const isOpen = (element) =>
            [drawnAs.text(element), drawnAs.link(element)].some((word) => word && !passed.has(word));
        const unknown = visible.filter(
            (element) =>
                (hasText(element) || element.matches(LINK)) &&
                isOpen(element) &&
                !passed.has(drawnAs.same(element)),
        );
        const targets = (scope === "colours" ? [] : doubtfulTargets(visible)).filter(
            ([, word]) => !passed.has(word),
        );
        const measured = targets.map(([element]) => element);
        const scrolling = scope === "colours" ? [] : visible.filter(scrollsWithoutKeys);
        const everything = isThorough ? [...document.querySelectorAll("*")] : [];
        const elements = {
            "color-contrast": unknown,
            "link-in-text-block": unknown,
            "target-size": measured,
            "scrollable-region-focusable": scrolling,
            ...(isThorough && Object.fromEntries([...asked.keys()].map((id) => [id, everything]))),
        };
        const some = [...unknown, ...measured, ...scrolling];

        const isWhole = isThorough || scope === "page" || !inSight;
        const word = (element) => short(`${isWhole ? "frame" : innerWidth} ${bare(element)}`);
        let parts = [];
        let context = { include: outermost(some) };
        if (isWhole) {
            parts = outermost(document.querySelectorAll("header, nav, aside, footer"));
            const isDone = (one) =>
                !isThorough &&
                passed.has(word(one)) &&
                !some.some((element) => one.contains(element));
            const exclude = parts.filter(isDone);
            context = exclude.length ? { exclude } : document;
            inSight = new Set(visible);
        } else if (scope === "size") {
            parts = outermost(changed(visible)).filter((one) => !passed.has(word(one)));
            context = { include: outermost([...parts, ...some]) };
        }

        let violations = [];
        if (isWhole || parts.length || some.length) {
            const found = await ask(context, isWhole || parts.length ? tags : null, elements);
            violations = found.violations;
            const about = (results, id) =>
                results
                    .filter((rule) => !id || rule.id === id)
                    .flatMap((rule) => rule.nodes.map((node) => node.element));
            const isOther = (rule) => !asked.has(rule.id);
            nowPassed.push(...(violations.some(isOther) ? [] : parts.map(word)));
            const faulty = new Set(about(violations));
            const untold = new Set(about(found.incomplete, "link-in-text-block"));
            const unweighed = new Set(about(found.incomplete, "color-contrast"));
            const clean = unknown.filter((one) => !faulty.has(one));
            const weighed = clean.filter(
                (one) => judged.get("color-contrast").has(one) && !unweighed.has(one),
            );
            nowPassed.push(...weighed.filter(hasText).map(drawnAs.text));
            const isClean = ([element]) => ![...faulty].some((one) => element.contains(one));
            nowPassed.push(...targets.filter(isClean).map(([, target]) => target));
            nowPassed.push(...clean.filter((one) => !untold.has(one)).map(drawnAs.link));
            nowPassed.forEach((one) => passed.add(one));
            nowPassed.push(...clean.filter(isOpen).map(drawnAs.same));
            nowPassed.forEach((one) => passed.add(one));
        }
        const faults = violations.flatMap((rule) =>
            rule.nodes.map((node) => [rule.id, node.html, node.failureSummary ?? ""]),
        );
        window.cspViolations = []; // axe writes styles that the policy stops
        const { scrollWidth, clientWidth } = document.documentElement;
        return JSON.stringify({
            stopped,
            sideways: scrollWidth - clientWidth,
            faults,
            passed: [...new Set(nowPassed)].filter((one) => one),
        });
    };
})();
