import { pluginContract, testPlugin } from '@postroad/testing'
import { mime } from './index.ts'

const honest = 'From: a@b.test\nSubject: c\nContent-Type: multipart/mixed; boundary=d\n\n--d\n\nhi\n--d--\n'
const twoFrom = 'From: a@b.test\nFrom: c@d.test\n\nx\n'
const twoNames = 'From: a@b.test\nContent-Disposition: attachment; filename=safe.txt; filename=evil.exe\n\nx\n'
const deep = `From: a@b.test\n${'Content-Type: message/rfc822\n\n'.repeat(150)}x\n`

testPlugin(mime, [
  {
    name: 'honest mail is worth nothing',
    data: honest,
    expect: { accepted: true, points: 0, facts: { ambiguous: [] } },
  },
  { name: 'several From fields are worth 3 points', data: twoFrom, expect: { accepted: true, points: 3 } },
  {
    name: 'what is found is added up',
    data: `From: a@b.test\n${twoFrom.replace('\n\n', '\nTo: e@f\nTo: g@h\n\n')}`,
    expect: { points: 4 },
  },
  {
    name: 'a file with several names is worth 1 point',
    data: twoNames,
    expect: { accepted: true, points: 1, facts: { ambiguous: ['name'] } },
  },
  { name: 'nested too deep is worth 3 points', data: deep, expect: { accepted: true, points: 3 } },
  {
    name: 'refused when the operator says so',
    options: { ambiguous: { from: 'reject' } },
    data: twoFrom,
    expect: { refused: '5.6.0', at: 'message' },
  },
  {
    name: 'unreadable mail is refused when the operator says so',
    options: { unreadable: 'reject' },
    data: deep,
    expect: '5.6.0',
  },
  {
    name: 'nothing when the operator says so',
    options: { ambiguous: { from: 'none' } },
    data: twoFrom,
    expect: { points: 0 },
  },
])
pluginContract(mime)
