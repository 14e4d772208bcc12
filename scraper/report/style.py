"""How a report looks: one sheet, for light and dark, telephone and paper. The page allows it by its hash and no other.

Colours: text on its ground at 7:1 or more, links and marks at 4.5:1 or more, bars at 3:1 (WCAG 1.4.3, 1.4.11).
"""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--card:#f5f6f8;--line:#d5d9e0;--text:#1b1f26;--soft:#4b5563;--link:#0b56b3;
--bar:#3b76c4;--good:#1a6e3c;--bad:#b3261e;--warn:#8a4b00}
@media (prefers-color-scheme:dark){:root{--ground:#15181d;--card:#1e2229;--line:#3a414d;--text:#e8eaee;--soft:#b3bac6;
--link:#8ab8ff;--bar:#6ea3ee;--good:#7fd6a0;--bad:#ff9d94;--warn:#f3b765}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,sans-serif}
header,main,footer,nav{max-width:64rem;margin:0 auto;padding:0 1rem}
header{padding-top:2rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:0 0 .6rem;line-height:1.3}
h3{font-size:1.02rem;margin:1.4rem 0 .4rem;line-height:1.3}
p{margin:.4rem 0;overflow-wrap:anywhere}
a{color:var(--link)}
a:focus-visible,summary:focus-visible{outline:3px solid var(--link);outline-offset:2px}
section{margin:2.2rem 0;padding-top:1.2rem;border-top:1px solid var(--line)}
nav ul{list-style:none;margin:1rem 0 0;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem}
nav a{display:inline-block;padding:.2rem 0}
.lead{font-size:1.1rem;font-weight:600}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.soft{color:var(--soft)}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.8rem 0 0}
.facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.6rem;margin:1.2rem 0 0;padding:0;
list-style:none}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem}
.tiles strong{display:block;font-size:1.4rem;line-height:1.2;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%;table-layout:fixed;margin:.4rem 0}
caption{text-align:left;color:var(--soft);padding:0 0 .3rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);
overflow-wrap:anywhere}
thead th{color:var(--soft);font-weight:600}
thead th{overflow-wrap:normal}
tbody th{font-weight:500}
.number{text-align:right;font-variant-numeric:tabular-nums;width:6.5rem}
.bars{width:30%}
bdi{overflow-wrap:anywhere;white-space:pre-wrap}
ins,del{text-decoration:none}
del{color:var(--soft);text-decoration:line-through}
.fields{margin:0;padding:0;list-style:none}
.entries{list-style:none;margin:.4rem 0;padding:0}
.entries>li{display:grid;grid-template-columns:1fr 2fr;gap:.2rem 1.2rem;padding:.5rem 0;
border-bottom:1px solid var(--line)}
.entries strong{font-weight:600}
.entries>li>*{min-width:0}
.name{color:var(--soft)}
figure{margin:1rem 0}
figcaption{color:var(--soft);margin-bottom:.3rem}
svg{display:block;fill:var(--bar)}
svg.columns{width:100%;height:7rem;border-bottom:1px solid var(--soft)}
svg.bar{width:100%;height:.8rem;margin-top:.35rem}
svg.failed{fill:var(--bad)}svg.kept{fill:var(--good)}
.axis{display:flex;justify-content:space-between;gap:.5rem;color:var(--soft);font-size:.85rem;
font-variant-numeric:tabular-nums}
.steps span{flex:1 1 0;text-align:center;overflow-wrap:anywhere}
.sheet{list-style:none;margin:.6rem 0;padding:0;display:grid;gap:.6rem;
grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr))}
.sheet li{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.5rem;font-size:.85rem;
line-height:1.35;overflow-wrap:anywhere;min-width:0}
.sheet img{display:block;max-width:100%;height:auto;margin:0 auto .4rem}
.group{background:var(--card);border:1px solid var(--line);border-left:.3rem solid var(--bad);border-radius:.4rem;
padding:.2rem 1rem .8rem;margin:1rem 0}
.examples{margin:.4rem 0;padding-left:1.2rem}
.examples li{margin:.2rem 0;overflow-wrap:anywhere}
pre{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.8rem;margin:.4rem 0;
white-space:pre-wrap;overflow-wrap:anywhere;font:.85rem/1.45 ui-monospace,monospace}
code{font-family:ui-monospace,monospace;font-size:.92em;overflow-wrap:anywhere}
footer{color:var(--soft);padding-bottom:3rem;font-size:.9rem}
@media (max-width:36rem){h1{font-size:1.5rem}.number{width:5.3rem}.bars{width:22%}.tight{width:3.9rem}
th,td{padding-right:.5rem}
.facts{grid-template-columns:1fr}.facts dd{margin-bottom:.4rem}
.entries>li{grid-template-columns:1fr}.steps{font-size:.68rem;gap:.1rem}}
@media print{:root{color-scheme:light;--ground:#fff;--card:#fff;--line:#999;--text:#000;--soft:#333;--link:#000;
--bar:#555;--good:#000;--bad:#000;--warn:#000}nav{display:none}body{font-size:10.5pt}section{break-before:auto}
h2,h3{break-after:avoid}tr,li,figure{break-inside:avoid}svg{print-color-adjust:exact}}
"""
