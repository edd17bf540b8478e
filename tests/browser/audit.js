// What axe finds on this page, in its theme and at its size. Three fifths of axe's time go to the
// contrast of texts, and nearly all texts of a site are drawn alike; so a text is weighed only if
// axe has not passed one that is drawn as it is: its colours, its size and all that lies below it.
async ({ rules, passed }) => {
    const grounds = new Map();
    const ground = (element) => {
        if (!element) {
            return "";
        }
        if (!grounds.has(element)) {
            const style = getComputedStyle(element);
            const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter];
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
    const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
    const hasText = (element) =>
        !element.matches("option, optgroup") &&
        (element.matches("input, select, textarea") || [...element.childNodes].some(isText));

    const known = new Set(passed);
    const unknown = [...document.body.querySelectorAll("*")].filter(
        (element) => hasText(element) && element.checkVisibility() && !known.has(looks(element)),
    );
    const options = { preload: false };
    const found = await axe.run({
        ...options,
        runOnly: rules,
        rules: { "color-contrast": { enabled: false } },
        resultTypes: ["violations"],
    });
    let violations = found.violations;
    let nowPassed = [];
    if (unknown.length) {
        const weighed = await axe.run(
            { include: unknown },
            {
                ...options,
                runOnly: { type: "rule", values: ["color-contrast"] },
                resultTypes: ["violations", "passes"],
                elementRef: true,
            },
        );
        violations = [...violations, ...weighed.violations];
        nowPassed = weighed.passes.flatMap((rule) => rule.nodes.map((node) => looks(node.element)));
    }
    const faults = violations.flatMap((rule) =>
        rule.nodes.map((node) => [rule.id, node.html, node.failureSummary ?? ""]),
    );
    window.cspViolations = []; // axe writes styles that the policy stops
    return { faults, passed: [...new Set(nowPassed)] };
}
