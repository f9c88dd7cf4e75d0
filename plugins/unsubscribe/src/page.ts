/** The pages that a link leads to. They load nothing, run nothing, and do nothing until the button is pressed. */
import { createHash } from 'node:crypto'

/** What a page says. */
export interface ExitWords {
  readonly status: number
  readonly title: string
  readonly text: string
  /** With the button that does it. */
  readonly asks?: boolean
}

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0;display:grid;place-items:center;min-height:100vh;background:light-dark(#f6f5f1,#101216);color:light-dark(#1c1b18,#e8e6e1)}
main{max-width:30rem;margin:1rem;padding:1.5rem;border:1px solid light-dark(#e2dfd7,#282d35);border-radius:10px;background:light-dark(#fff,#171a1f);overflow-wrap:anywhere}
h1{font-size:1.3rem;margin:0 0 .5rem}
p{margin:0 0 1rem}
button{font:inherit;font-weight:600;padding:.5rem 1.25rem;border:0;border-radius:6px;cursor:pointer;background:light-dark(#1457b3,#84b3ff);color:light-dark(#fff,#0a1628)}`

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The button sends what mailbox providers send, RFC 8058 §3.1. */
const FORM = '<form method="post"><button name="List-Unsubscribe" value="One-Click">Unsubscribe</button></form>\n'

/** The answer: no redirect and no cookie, RFC 8058 §3.1. */
export function pageOf({ status, title, text, asks }: ExitWords, headers: Record<string, string> = {}): Response {
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
${asks ? FORM : ''}</main>
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

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (one) => ESCAPES[one] ?? one)
}
