/** The message of the scenario `content`: a newsletter of 20 KB of HTML, with links, pictures and a plain alternative, as DATA has it. */

const HTML = 20 * 1_024

/** As written; deterministic, so that every run has the same one. */
export function htmlMessage(): Buffer {
  let html = '<!DOCTYPE html><html><head><title>News</title><style>a{color:#06c}</style></head><body>'
  for (let n = 0; html.length < HTML - 20; n++)
    html +=
      `<table width="600"><tr><td style="font-family:Arial;font-size:14px;color:#333333"><p>Item ${n}: what has happened since the last letter, ` +
      `in a few words &amp; with a <a href="https://click.example.com/r?id=${n}&amp;u=https%3A%2F%2Fwww.example.com%2Fnews%2F${n}">link to the page</a>.</p>` +
      `<img src="https://img.example.com/${n}.png" width="120" height="80" alt="picture"></td></tr></table>\r\n`
  html += '</body></html>'
  const text = 'Our news, and https://www.example.com/news for all of it.'
  const lines = [
    'From: News <news@example.com>',
    'To: reader@example.test',
    'Subject: =?utf-8?Q?Our_news_=E2=80=93_of_this_week?=',
    'Date: Mon, 30 Nov 2026 10:00:00 +0000',
    'Message-ID: <1@example.com>',
    'MIME-Version: 1.0',
    'Content-Type: multipart/alternative; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain; charset=utf-8',
    '',
    text,
    '--b',
    'Content-Type: text/html; charset=utf-8',
    '',
    html,
    '--b--',
    '.',
    '',
  ]
  return Buffer.from(lines.join('\r\n'))
}
