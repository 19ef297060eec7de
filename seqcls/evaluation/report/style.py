"""The style sheet of the report: light and dark, a phone's width first, no fonts or files from elsewhere."""

STYLE = """
:root { color-scheme: light dark;
  --paper:#f4f5f7; --card:#ffffff; --ink:#1f2430; --muted:#69707d; --line:#e3e6eb; --soft:#eef1f5;
  --blue:#0072b2; --orange:#d55e00; --green:#009e73; --heat:0,114,178; --bad:213,94,0; }
@media (prefers-color-scheme: dark) { :root {
  --paper:#12151b; --card:#1a1f28; --ink:#e8eaef; --muted:#9aa3b2; --line:#2c3340; --soft:#232a36;
  --blue:#56b4e9; --orange:#f0935b; --green:#3ccf9f; --heat:86,180,233; --bad:240,147,91; } }
* { box-sizing:border-box }
body { margin:0; background:var(--paper); color:var(--ink);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif; }
main { max-width:1080px; margin:0 auto; padding:28px 16px 64px; }
h1 { font-size:28px; line-height:1.2; letter-spacing:-.01em; margin:0 0 6px; overflow-wrap:anywhere; }
h2 { font-size:19px; letter-spacing:-.005em; margin:44px 0 4px; }
h3 { font-size:13px; margin:0 0 8px; color:var(--muted); font-weight:600; text-transform:uppercase;
  letter-spacing:.04em; }
p { margin:4px 0 12px; max-width:84ch; } .note { color:var(--muted); font-size:13.5px; }
code { font:12.5px ui-monospace,Menlo,Consolas,monospace; overflow-wrap:anywhere; }
pre { background:var(--soft); border-radius:8px; padding:12px 14px; overflow-x:auto; margin:8px 0; }
nav { margin:14px 0 0; font-size:13.5px; display:flex; flex-wrap:wrap; gap:4px 14px; }
nav a { color:var(--blue); text-decoration:none; white-space:nowrap; }
.tag { display:inline-block; font-size:12.5px; padding:2px 10px; margin:0 6px 6px 0; border-radius:99px;
  background:var(--soft); color:var(--muted); }
.card { background:var(--card); border:1px solid var(--line); border-radius:12px; padding:16px 18px; min-width:0; }
.grid { display:grid; gap:14px; grid-template-columns:repeat(auto-fit,minmax(min(100%,232px),1fr)); margin-top:14px; }
.pair { display:grid; gap:14px; grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr)); margin-top:14px;
  align-items:start; }
.pair .card svg { display:block; margin:0 auto; max-width:460px; }
.pair .card.scroll { margin-top:0; }
.card svg { width:100%; height:auto; display:block; }
.verdict { border-left:4px solid var(--muted); margin-top:20px; font-size:16.5px; }
.verdict p { margin:0; max-width:none; }
.verdict .note { margin-top:4px; font-size:13.5px; }
.verdict.better { border-color:var(--green) } .verdict.worse { border-color:var(--orange) }
.big { font-size:36px; line-height:1.1; font-weight:650; letter-spacing:-.02em; font-variant-numeric:tabular-nums; }
.range { color:var(--muted); font-size:13px; font-variant-numeric:tabular-nums; }
.track { position:relative; height:8px; border-radius:4px; background:var(--soft); margin:14px 0 10px; }
.track i { position:absolute; top:0; bottom:0; border-radius:4px; background:var(--blue); opacity:.38; min-width:3px;
  }
.track b { position:absolute; top:-3px; width:4px; height:14px; margin-left:-2px; border-radius:2px; }
.track .net, .key .net { background:var(--blue) } .track .lin, .key .lin { background:var(--orange) }
.track .triv, .key .triv { background:var(--muted) }
.key { font-size:12.5px; color:var(--muted); display:flex; flex-wrap:wrap; gap:2px 12px;
  font-variant-numeric:tabular-nums; }
.key span::before { content:""; display:inline-block; width:8px; height:8px; border-radius:2px; margin-right:5px;
  background:var(--c); }
.scroll { overflow-x:auto; margin-top:14px; } .scroll.tall { max-height:78vh; overflow-y:auto; }
table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums; font-size:14px; }
th,td { padding:6px 10px; text-align:right; border-bottom:1px solid var(--line); vertical-align:middle; }
th { color:var(--muted); font-weight:600; font-size:12.5px; } tr:last-child td, tr:last-child th { border-bottom:0; }
th:first-child, td.name, th.name { text-align:left; } td.name { overflow-wrap:anywhere; min-width:7em; }
td { white-space:nowrap; } td.name { white-space:normal; } td.own { font-weight:650; } .less { color:var(--muted); }
.bar { display:inline-block; width:64px; height:7px; border-radius:4px; background:var(--soft); margin-left:8px;
  vertical-align:1px; overflow:hidden; }
.bar i { display:block; height:100%; background:var(--c,var(--blue)); }
.matrix { width:auto; font-size:12.5px; }
.matrix td { border:1px solid var(--card); text-align:center; padding:4px 6px; min-width:34px; line-height:1.2; }
.matrix td small { display:block; font-size:10px; opacity:.8; }
.matrix.roomy td { min-width:76px; padding:10px 8px; font-size:15px; } .matrix.roomy td small { font-size:11.5px; }
.matrix th { border:0; text-align:right; font-weight:500; white-space:nowrap; }
.matrix tbody th { position:sticky; left:0; background:var(--card); z-index:1; max-width:13em; overflow:hidden;
  text-overflow:ellipsis; }
.matrix thead th { vertical-align:bottom; text-align:left; padding:4px 6px; }
.matrix.roomy thead th { text-align:center; }
.matrix .turn { writing-mode:vertical-rl; transform:rotate(180deg); max-height:12em; overflow:hidden;
  text-overflow:ellipsis; }
.matrix td.on { background:rgba(var(--heat),calc(var(--v)*.78)); }
.matrix td.off { background:rgba(var(--bad),calc(var(--v)*.9)); }
.matrix.dense td { padding:0 2px; min-width:20px; height:20px; font-size:9.5px; }
.matrix.dense th { font-size:11px; padding-top:0; padding-bottom:0; }
dl { display:grid; grid-template-columns:fit-content(62%) minmax(0,1fr); gap:4px 16px; margin:0; font-size:14px; }
dt { color:var(--muted); overflow-wrap:anywhere; }
dd { margin:0; overflow-wrap:anywhere; font-variant-numeric:tabular-nums; }
details { margin-top:14px; } summary { cursor:pointer; color:var(--blue); font-size:14px; }
ul { padding-left:20px; margin:6px 0; max-width:76ch; } li { margin:3px 0; }
footer { margin-top:48px; color:var(--muted); font-size:13px; }
@media print { body { background:none } .card { break-inside:avoid } nav { display:none } }
"""
