import { definePlugin, reject, reverseDns } from '@postroad/plugin'
import { testPlugin } from '@postroad/testing'
import { access } from './index.ts'

/** Refuses every client. */
const strict = definePlugin({
  name: 'strict',
  hooks: { connect: { after: ['access'], handler: () => reject('strict') } },
})

/** Refuses every reverse-path. */
const strictAtMail = definePlugin({
  name: 'strict',
  hooks: { mail: { after: ['access'], handler: () => reject('strict') } },
})

/** Stands in for `helo`: the reverse name of every client. */
const namer = definePlugin({
  name: 'namer',
  hooks: {
    connect: {
      provides: [reverseDns],
      handler: ({ set }) => set(reverseDns, { result: 'pass', name: 'host.bad.example', names: ['host.bad.example'] }),
    },
  },
})

const clients = { allow: { clients: ['192.0.2.0/24'] }, deny: { clients: ['192.0.2.66'] } }

testPlugin(access, [
  {
    name: 'a client of a denied network is refused at connect, with the operator’s text',
    options: { deny: { clients: ['2001:db8::/32'] }, text: 'Go away' },
    from: '2001:db8::9',
    expect: { refused: '5.7.1', at: 'connect', text: /Go away/ },
  },
  {
    name: 'an allowed client ends the hook, and is written as a fact',
    options: clients,
    with: [strict()],
    expect: { accepted: true, facts: { 'allowed-client': { pattern: '192.0.2.0/24', reason: undefined } } },
  },
  {
    name: 'of two networks that fit the smaller one decides',
    options: clients,
    from: '192.0.2.66',
    expect: { refused: '5.7.1', at: 'connect', text: /Access denied/ },
  },
  {
    name: 'of equal entries the denial decides',
    options: { allow: { senders: ['a@b.example'] }, deny: { senders: ['a@b.example'] } },
    mail: 'a@b.example',
    expect: { refused: '5.7.1', at: 'mail' },
  },
  {
    name: 'a verified reverse name is looked up when names are listed',
    options: { deny: { names: ['*.bad.example'] } },
    with: [namer()],
    expect: { refused: '5.7.1', at: 'connect' },
  },
  {
    name: 'an allowed reverse-path ends the hook at MAIL',
    options: { allow: { senders: ['b.example'] } },
    with: [strictAtMail()],
    mail: 'a@b.example',
    expect: { accepted: true, facts: { 'allowed-sender': { pattern: 'b.example', reason: undefined } } },
  },
  {
    name: 'an allowed HELO name exempts from no later check: anybody can say one',
    options: { allow: { helo: ['b.example'] } },
    with: [strictAtMail()],
    helo: 'b.example',
    mail: 'a@b.example',
    expect: { refused: '5.7.1', at: 'mail', text: /strict/ },
  },
  {
    name: 'an entry that has expired is no entry',
    options: { deny: { recipients: [{ match: 'closed@mx.test', until: '2001-01-01' }] } },
    rcpt: 'closed@mx.test',
    expect: 'accepted',
  },
  {
    name: 'a denial is worth points if the operator says so',
    options: { deny: { helo: ['*.bad.example'] }, action: 2.5 },
    helo: 'mail.bad.example',
    expect: { accepted: true, points: 2.5 },
  },
  {
    name: 'a file that is missing is a boot error',
    options: { files: [{ path: 'no-such-file', of: 'clients', say: 'deny' }] },
    expect: { mistake: /no-such-file/ },
  },
])
