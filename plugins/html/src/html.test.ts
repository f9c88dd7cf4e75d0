import { pluginContract, testPlugin } from '@postroad/testing'
import { html } from './index.ts'

const body = (text: string): string => `From: a@b.test\nSubject: c\nContent-Type: text/html; charset=utf-8\n\n${text}\n`
const words = 'Dear reader, here is what you asked for, with best regards. '

testPlugin(html, [
  {
    name: 'honest HTML is worth nothing',
    data: body(
      `<p>${words}<a href="https://www.example.com/a">www.example.com</a> <a href="https://click.example.org/x">read more</a> <a href="mailto:a@b.test">a@b.test</a><div style="display:none">the first line</div><img src="cid:logo">`,
    ),
    expect: { accepted: true, points: 0, facts: { html: [] } },
  },
  { name: 'no HTML is worth nothing', data: 'From: a@b.test\n\nhi\n', expect: { points: 0, facts: { html: [] } } },
  {
    name: 'a link that shows another site is worth 1.5 points',
    data: body(`${words}<a href="https://evil.test/x">https://www.paypal.com/login</a>`),
    expect: {
      points: 1.5,
      facts: { html: [{ signal: 'mismatch', weight: 1.5, evidence: ['www.paypal.com → evil.test'] }] },
    },
  },
  {
    name: 'a name of the same registered domain is the same site, and names of files are none',
    data: body(
      `${words}<a href="https://a.example.co.uk/x">b.example.co.uk</a> <a href="https://a.test/x">report.pdf</a> <a href="https://a.test/x">e.g. this</a>`,
    ),
    expect: { points: 0 },
  },
  {
    name: 'a site whose links go through another one may be named',
    options: { sameSite: ['tracker.com'] },
    data: body(`${words}<a href="https://c.tracker.com/x">www.example.com</a>`),
    expect: { points: 0 },
  },
  {
    name: 'a form for a password is worth 6 points',
    data: body(`${words}<form action=http://evil.test><input type=password></form>`),
    expect: { points: 6 },
  },
  { name: 'a script is worth 1 point', data: body(`${words}<script>x</script>`), expect: { points: 1 } },
  {
    name: 'a link with a document in it is worth 3 points; a picture is none',
    data: body(`${words}<a href="data:text/html;base64,AAAA">x</a><img src="data:image/png;base64,AAAA">`),
    expect: { points: 3 },
  },
  { name: 'javascript: too', data: body(`${words}<a href=" java\nscript:x()">x</a>`), expect: { points: 3 } },
  {
    name: 'what goes elsewhere by itself is worth 3 points',
    data: body(`${words}<meta http-equiv=refresh content="0;url=http://evil.test">`),
    expect: { points: 3 },
  },
  {
    name: 'more hidden text than shown is worth 1.5 points',
    data: body(`${words}<div style="font-size:0px">${'word '.repeat(200)}</div>`),
    expect: { points: 1.5 },
  },
  {
    name: 'invisible characters in words are worth 2 points',
    data: body(`${words}${'pay\u200bpal '.repeat(5)}`),
    expect: { points: 2 },
  },
  { name: 'one picture and no text is worth 0.5 points', data: body('<img src=x>'), expect: { points: 0.5 } },
  {
    name: 'refused when the operator says so',
    options: { weights: { form: 'reject' } },
    data: body(`${words}<form></form>`),
    expect: { refused: '5.7.1', at: 'message', text: /HTML/ },
  },
  {
    name: 'nothing when the operator says so',
    options: { weights: { imageOnly: 'none' } },
    data: body('<img src=x>'),
    expect: { points: 0, facts: { html: [] } },
  },
])
pluginContract(html)
