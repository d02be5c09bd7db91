/** The one stylesheet of every page. A brand replaces its custom properties; nothing else needs to change. */
export const stylesheet = `
:root{color-scheme:light dark;--accent:#3d46c2;--accent-strong:#2f379f;--on-accent:#fff;--canvas:#f4f5f8;--surface:#fff;
--text:#171923;--muted:#565c6e;--line:#d9dce5;--field-line:#858b9e;--tint:#f6f7fb;--danger:#b3261e;--danger-tint:#fdf1f0;
--ok:#17663a;--ok-tint:#edf7f0;--radius:10px;--shadow:0 1px 2px rgb(16 20 40/.06),0 12px 32px -12px rgb(16 20 40/.18);
--font:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
@media (prefers-color-scheme:dark){:root{--accent:#a9b1ff;--accent-strong:#c3c9ff;--on-accent:#12142b;--canvas:#0f1117;
--surface:#181b24;--text:#eceef5;--muted:#a5abbd;--line:#303543;--field-line:#737a90;--tint:#1f232e;--danger:#ffb1aa;
--danger-tint:#3a1f1e;--ok:#8fdcae;--ok-tint:#162d20;--shadow:0 0 0 1px #262b37,0 16px 40px -16px #000}}
*,*::before,*::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100dvh;display:flex;flex-direction:column;background:var(--canvas);
color:var(--text);font:16px/1.5 var(--font);overflow-wrap:anywhere}
body>header,body>footer{width:100%;max-width:30rem;margin:0 auto;padding:0 1.25rem}
body>header{padding-top:1.25rem;padding-bottom:1rem;font-weight:650;letter-spacing:-.01em}
body>header a{color:inherit;text-decoration:none}
body>header::before{content:"";display:inline-block;width:.7em;height:.7em;margin-right:.55em;border-radius:3px;
background:var(--accent);transform:rotate(45deg) scale(.85)}
body>footer{margin-bottom:auto;padding-top:1rem;padding-bottom:2rem;color:var(--muted);font-size:.8125rem}
main{width:100%;max-width:30rem;margin:0 auto;padding:1.75rem 1.25rem;background:var(--surface);
border:solid var(--line);border-width:1px 0}
@media (min-width:34rem){main{width:calc(100% - 2.5rem);max-width:27.5rem;padding:2rem 2.25rem 2.25rem;border:1px solid var(--line);
border-radius:16px;box-shadow:var(--shadow)}body>header{margin-top:auto;padding-top:2rem}}
.wide main{max-width:44rem}.wide>header,.wide>footer{max-width:46.5rem}
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25;letter-spacing:-.02em;font-weight:680;text-wrap:balance}
h2{margin:1.75rem 0 .5rem;font-size:1rem;line-height:1.4;font-weight:650}
p{margin:0 0 1rem}p:last-child,main>:last-child{margin-bottom:0!important}h1+.notice,h1+form{margin-top:1.25rem}
ul{margin:.25rem 0 1rem;padding-left:1.25rem}
.lead,.hint,.muted{color:var(--muted)}.hint{font-size:.875rem;line-height:1.45}
.lead{margin-bottom:1.5rem}.lead strong{color:var(--text)}
a{color:var(--accent);text-underline-offset:.18em;text-decoration-thickness:1px}a:hover{color:var(--accent-strong)}
code{font:.9em var(--mono);background:var(--tint);border-radius:5px;padding:.1em .35em}
label,legend{font-weight:600}
.field{margin:0 0 1.125rem}.field>label{display:block;margin-bottom:.375rem}.field>.hint{margin:.375rem 0 0}
input:not([type=checkbox]):not([type=radio]),select,textarea{display:block;width:100%;min-height:2.875rem;padding:.55rem .75rem;
font:inherit;color:inherit;background:var(--surface);border:1px solid var(--field-line);border-radius:var(--radius)}
[aria-invalid=true]{border-color:var(--danger)!important;box-shadow:0 0 0 1px var(--danger)}
input[type=checkbox],input[type=radio]{flex:none;width:1.25rem;height:1.25rem;margin:.125rem 0 0;accent-color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
fieldset{margin:0;padding:0;border:0;min-width:0}legend{padding:0;margin-bottom:.5rem}
.choices,.rows{list-style:none;margin:0 0 1.25rem;padding:0;border:1px solid var(--line);border-radius:var(--radius)}
.choices>*+*,.rows>*+*{border-top:1px solid var(--line)}
.choice{display:flex;gap:.75rem;padding:.75rem .875rem;font-weight:400;cursor:pointer}
.choice strong,.choice .hint{display:block}.choice strong{font-weight:600}
.rows>li{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.75rem 1rem;padding:.875rem}
.rows>li>div{flex:1 1 14rem;min-width:0}.rows p{margin:0}
.facts{margin:0 0 1.5rem;padding:.25rem .875rem;background:var(--tint);border-radius:var(--radius)}
.facts>div{display:flex;flex-wrap:wrap;gap:0 .75rem;padding:.5rem 0}.facts>div+div{border-top:1px solid var(--line)}
dt{flex:0 0 7rem;color:var(--muted);font-size:.875rem;line-height:1.5rem}dd{flex:1 1 10rem;font-weight:600;margin:0;min-width:0}
.actions{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.5rem 0 0}.actions>*{flex:1 1 9rem}
button,.button{display:inline-flex;align-items:center;justify-content:center;min-height:2.875rem;padding:.5rem 1.125rem;
font:inherit;font-weight:600;line-height:1.25;text-align:center;text-decoration:none;cursor:pointer;border-radius:var(--radius);
border:1px solid var(--accent);background:var(--accent);color:var(--on-accent)}
button:hover,.button:hover{background:var(--accent-strong);border-color:var(--accent-strong);color:var(--on-accent)}
.quiet{background:transparent;border-color:var(--field-line);color:var(--text)}
.quiet:hover{background:var(--tint);border-color:var(--field-line);color:var(--text)}
.danger{background:transparent;border-color:var(--danger);color:var(--danger)}
.danger:hover{background:var(--danger-tint);border-color:var(--danger);color:var(--danger)}
.account{width:100%;justify-content:space-between;gap:1rem;text-align:left;border:0;border-radius:0;background:transparent;
color:var(--text);min-height:3.5rem;padding:.75rem .875rem}
.choices>.account+.account{border-top:1px solid var(--line)}.account:hover{background:var(--tint);color:var(--text)}.account .hint{display:block;font-weight:400}
.notice{margin:0 0 1.25rem;padding:.75rem .875rem;border-radius:var(--radius);background:var(--tint)}
.notice.bad{background:var(--danger-tint);color:var(--danger)}.notice.good{background:var(--ok-tint);color:var(--ok)}
.after{margin:1.5rem 0 0;padding-top:1.25rem;border-top:1px solid var(--line);font-size:.9375rem}
@media (forced-colors:active){button,.button{border:1px solid}}
`.trim()
