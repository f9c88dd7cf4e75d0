import { testPlugin } from '@postroad/testing'
import { recipients } from './index.ts'

const list = { domains: ['mx.test'], users: ['alice@mx.test', 'team-*@mx.test'] }
/** Nobody listens there. */
const callout = { host: '127.0.0.1', port: 1 } as const

testPlugin(recipients, [
  {
    name: 'who is on the list exists, in any case and with a detail',
    options: list,
    rcpt: 'Alice+news@mx.test',
    expect: 'accepted',
  },
  { name: 'a pattern of the list is as good', options: list, rcpt: 'team-blue@mx.test', expect: 'accepted' },
  {
    name: 'RFC 3463 §3.2: who is not is refused at RCPT, with the operator’s text',
    options: { ...list, text: 'Nobody here' },
    rcpt: 'bob@mx.test',
    expect: { refused: '5.1.1', at: 'rcpt', code: 550, text: /Nobody here/ },
  },
  {
    name: 'without a separator there are no details',
    options: { ...list, separator: '' },
    rcpt: 'alice+news@mx.test',
    expect: '5.1.1',
  },
  {
    name: 'RFC 5321 §4.5.1: postmaster exists in all domains',
    options: list,
    rcpt: 'PostMaster@mx.test',
    expect: 'accepted',
  },
  { name: 'other domains are left to others', options: list, rcpt: 'bob@elsewhere.test', expect: 'accepted' },
  {
    name: 'when nobody can be asked the recipient has to wait',
    options: { ...list, callout },
    rcpt: 'bob@mx.test',
    expect: { refused: '4.4.3', at: 'rcpt', code: 451 },
  },
  {
    name: 'or is accepted if the operator says so',
    options: { ...list, callout, unavailable: 'accept' },
    rcpt: 'bob@mx.test',
    expect: 'accepted',
  },
  {
    name: 'lists are asked before a server that is down',
    options: { ...list, callout },
    rcpt: 'alice@mx.test',
    expect: 'accepted',
  },
  {
    name: 'a configuration that can ask nobody is a boot error',
    options: { domains: ['mx.test'] },
    expect: { mistake: /needs one of/ },
  },
])
