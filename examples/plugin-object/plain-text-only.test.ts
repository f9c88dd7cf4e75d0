import { pluginContract, testPlugin } from '@postroad/testing'
import { plainTextOnly } from './plain-text-only.ts'

const attached = (filename: string) => `Subject: x
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

Hello
--b
Content-Type: application/octet-stream
Content-Disposition: attachment; filename="${filename}"

MZ
--b--
`

testPlugin(plainTextOnly, [
  { name: 'refuses a program', data: attached('invoice.exe'), expect: { refused: '5.7.1', text: /Programs/ } },
  { name: 'takes a picture', data: attached('cat.png'), expect: { accepted: true, points: 0 } },
  {
    name: 'counts points for HTML without text',
    data: 'Subject: x\nMIME-Version: 1.0\nContent-Type: text/html\n\n<img src="cid:1">\n',
    expect: { accepted: true, points: 1.5 },
  },
])

pluginContract(plainTextOnly, { large: 1_000_000 })
