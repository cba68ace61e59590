/** How the page of a report looks, in light and dark, on every width. */
export const css = `
:root{color-scheme:light dark;--back:#fff;--text:#1c2024;--soft:#5b6570;--line:#d9dee3;
--p50:#0b7a75;--p95:#b35900;--p99:#b3261e;--bar:#2f6fb3}
@media (prefers-color-scheme:dark){:root{--back:#15181c;--text:#e6e9ec;--soft:#9aa4ae;--line:#343b43;
--p50:#4cc9c0;--p95:#f0a860;--p99:#ff8a80;--bar:#7cb5f2}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:70rem;background:var(--back);color:var(--text);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
p{margin:.25rem 0;color:var(--soft)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));
gap:.5rem;margin:1rem 0;padding:0}
.figures div{border:1px solid var(--line);border-radius:.5rem;padding:.5rem .75rem}
dt{color:var(--soft);font-size:.85rem}dd{margin:0;font-size:1.2rem;font-variant-numeric:tabular-nums}
figure{margin:0;display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem .5rem}
figure>*{grid-column:2}figure>.y{grid-column:1}.x,.y{white-space:nowrap}
.y{display:flex;flex-direction:column;justify-content:space-between;text-align:right}
.x{display:flex;justify-content:space-between}
.x,.y,.key{color:var(--soft);font-size:.8rem;font-variant-numeric:tabular-nums}
svg{width:100%;height:14rem;border:solid var(--line);border-width:0 0 1px 1px}
path{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}rect{fill:var(--bar)}
.p50{stroke:var(--p50);color:var(--p50)}.p95{stroke:var(--p95);color:var(--p95)}
.p99{stroke:var(--p99);color:var(--p99)}.sent{stroke:var(--soft);color:var(--soft)}
.received{stroke:var(--bar);color:var(--bar)}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:0;margin:0;list-style:none}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .5rem .25rem 0;
border-bottom:1px solid var(--line);vertical-align:top;font-weight:normal}
th{overflow-wrap:normal}.others{overflow-wrap:anywhere}.own{white-space:nowrap}
.missed{color:var(--p99);font-weight:600}.met{color:var(--p50);font-weight:600}
`;
