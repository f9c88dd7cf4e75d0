/** The pages that links of a digest lead to. They load nothing, run nothing, and do nothing until a button is pressed. */
import { createHash } from 'node:crypto'
import type { VaultEntry } from '../entry.ts'
import type { LinkAction } from './link.ts'
import { escapeHtml, strangeHtml, timeInWords } from './text.ts'

/** What a page says. */
export interface PageWords {
  readonly status: number
  readonly title: string
  readonly text: string
  /** The message it is about. */
  readonly about?: { readonly entry: VaultEntry; readonly timeZone: string }
  /** A button that does it. */
  readonly action?: LinkAction
}

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0;display:grid;place-items:center;min-height:100vh;background:light-dark(#f6f5f1,#101216);color:light-dark(#1c1b18,#e8e6e1)}
main{max-width:30rem;margin:1rem;padding:1.5rem;border:1px solid light-dark(#e2dfd7,#282d35);border-radius:10px;background:light-dark(#fff,#171a1f)}
h1{font-size:1.3rem;margin:0 0 .5rem}
p{margin:0 0 1rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.15rem 1rem;margin:0 0 1.25rem;overflow-wrap:anywhere}
dt{color:light-dark(#5d5951,#a0a5ad)}
dd{margin:0}
button{font:inherit;font-weight:600;padding:.5rem 1.25rem;border:0;border-radius:6px;cursor:pointer;background:light-dark(#1457b3,#84b3ff);color:light-dark(#fff,#0a1628)}
button.delete{background:light-dark(#b4231c,#ff8078);color:light-dark(#fff,#2a0603)}`

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The answer. */
export function pageOf(
  { status, title, text, about, action }: PageWords,
  headers: Record<string, string> = {},
): Response {
  const facts =
    about === undefined
      ? ''
      : `<dl><dt>Subject</dt><dd>${strangeHtml(about.entry.subject ?? '(no subject)')}</dd>
<dt>From</dt><dd>${strangeHtml(about.entry.author ?? (about.entry.from || '<>'))}</dd>
<dt>Date</dt><dd>${escapeHtml(timeInWords(about.entry.at, about.timeZone))}</dd></dl>`
  const form =
    action === undefined
      ? ''
      : `<form method="post"><button class="${action}" name="confirm" value="yes">${action === 'release' ? 'Release' : 'Delete'}</button></form>`
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex, nofollow">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(text)}</p>
${facts}
${form}
</main>
</body>
</html>
`
  return new Response(page, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'x-robots-tag': 'noindex, nofollow',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      ...headers,
    },
  })
}
