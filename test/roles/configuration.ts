/** What all three roles have in common: the plugins of a gateway, rules of its own that refuse at each hook, and the DNS that they see. */
import { access } from '@postroad/access'
import type { Config } from '@postroad/core'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import type { Zone } from '@postroad/dns'
import { dnsbl } from '@postroad/dnsbl'
import { greylist } from '@postroad/greylist'
import { helo } from '@postroad/helo'
import { defer, definePlugin, discard, type Plugin, quarantine, reject, suspect } from '@postroad/plugin'
import { rateLimit } from '@postroad/rate-limit'
import { recipients } from '@postroad/recipients'
import { spf } from '@postroad/spf'

/** The domain that mail is taken for, and those who exist in it. */
export const DOMAIN = 'example.test'
export const USERS = ['alice', 'bob', 'carol', 'later', 'gone', 'tired', 'odd', 'odder', 'nobody-else']

/** Who the client, the sender and the recipients are says what these rules say of them. */
const house = definePlugin({
  name: 'house',
  hooks: {
    connect({ session: { remote } }) {
      if (remote.address === '203.0.113.66') return reject('Not from there', { status: '5.7.1', code: 554 })
      return remote.address === '203.0.113.67' ? defer('Not from there now', { status: '4.7.0' }) : undefined
    },
    helo({ helo: { name } }) {
      if (name === 'refuse.test') return reject('Not with this name', { status: '5.7.1' })
      return name === 'defer.test' ? defer('Not with this name now', { status: '4.3.2', code: 451 }) : undefined
    },
    mail({ envelope: { from } }) {
      if (from?.local === 'refuse') return reject('Not from you', { status: '5.1.8' })
      if (from?.local === 'defer') return defer('Not from you now', { status: '4.3.1', code: 452 })
      return from?.local === 'points' ? suspect(4, 'such a sender') : undefined
    },
    rcpt({ recipient }) {
      if (recipient.local === 'later') return defer('Busy', { status: '4.2.1', code: 450 })
      if (recipient.local === 'gone') return reject('Moved: 100% sure', { status: '5.1.6', code: 551 })
      if (recipient.local === 'tired') return reject('Enough of this', { disconnect: true })
      if (recipient.local === 'odd') return suspect(3, 'such a recipient')
      return recipient.local === 'odder' ? suspect(9, 'such a recipient') : undefined
    },
    data({ envelope }) {
      if (envelope.from?.local === 'nodata') return reject('No data of yours', { status: '5.7.0' })
      return envelope.from?.local === 'deferdata' ? defer('No data of yours now', { status: '4.3.0' }) : undefined
    },
  },
})

/** The subject says what these say. */
const reader = definePlugin({
  name: 'reader',
  hooks: {
    message({ message, envelope }) {
      const some = envelope.recipients.slice(1).map(({ address }) => address)
      switch (message.headers.get('Subject')) {
        case 'refuse':
          return reject('Not this', { status: '5.6.0', code: 554 })
        case 'defer':
          return defer('Not this now', { status: '4.7.1' })
        case 'hold':
          return quarantine('to be looked at')
        case 'discard':
          return discard('not wanted')
        case 'points':
          return suspect(7, 'such a subject')
        case 'many points':
          return suspect(20, 'such a subject')
        case 'refuse for some':
          return some.length > 0 ? reject('Not for you', { status: '5.7.1', for: some }) : undefined
        case 'hold for some':
          return some.length > 0 ? quarantine('to be looked at for some', { for: some }) : undefined
        case 'discard for some':
          return some.length > 0 ? discard('not wanted by some', { for: some }) : undefined
        default:
          return undefined
      }
    },
  },
})

export const THRESHOLDS = { tag: 3, quarantine: 8, reject: 12 }

/** Those that need no content. */
function ofEnvelope(): readonly Plugin[] {
  return [
    access({ deny: { clients: ['203.0.113.99'], senders: ['denied.test'] }, allow: { recipients: ['abuse@'] } }),
    helo(),
    dnsbl({
      lists: [
        { zone: 'bl.test', codes: { '127.0.0.2/32': 'reject', '127.0.0.3/32': 4, '127.0.0.4/32': 'defer' } },
        { zone: 'wl.test', action: -2, selfTest: false },
      ],
    }),
    spf({ fail: 'reject', softfail: 2, explain: false }),
    recipients({ domains: [DOMAIN], users: USERS.map((user) => `${user}@${DOMAIN}`) }),
    rateLimit({
      limits: [
        { of: 'recipients', by: 'from', limit: '3/h' },
        { of: 'messages', by: 'address', limit: '60/h', action: 'reject' },
      ],
    }),
    greylist({ delay: '5 min', trusted: ['192.0.2.0/24'] }),
    house(),
  ]
}

/** The same scope for every role; without what reads the content where nobody sends it. */
export function fill(withContent: boolean): Config['setup'] {
  return (app) => {
    for (const plugin of ofEnvelope()) app.use(plugin)
    if (withContent) app.use(dkim()).use(dmarc()).use(reader())
  }
}

/** DNS as all servers see it. @param key of `sel._domainkey.signed.test`, base64 */
export function zone(key: string): Zone {
  const entries: Record<string, Zone[string]> = {
    '2.0.0.127.bl.test': { A: ['127.0.0.2'] },
    '5.113.0.203.bl.test': { A: ['127.0.0.2'] },
    '6.113.0.203.bl.test': { A: ['127.0.0.3'] },
    '7.113.0.203.bl.test': { A: ['127.0.0.4'] },
    '6.113.0.203.wl.test': { A: ['127.0.0.2'] },
    'good.test': { TXT: ['v=spf1 ip4:192.0.2.0/24 -all'], A: ['192.0.2.1'] },
    'soft.test': { TXT: ['v=spf1 ip4:192.0.2.0/24 ~all'], A: ['192.0.2.1'] },
    'broken.test': { TXT: ['v=spf1 include:broken.test -all'], A: ['192.0.2.1'] },
    'plain.test': { A: ['192.0.2.2'] },
    'limit.test': { A: ['192.0.2.2'] },
    'signed.test': { A: ['192.0.2.3'] },
    'sel._domainkey.signed.test': { TXT: [`v=DKIM1; k=ed25519; p=${key}`] },
    '_dmarc.signed.test': { TXT: ['v=DMARC1; p=reject'] },
    '_dmarc.held.test': { TXT: ['v=DMARC1; p=quarantine'] },
    'held.test': { A: ['192.0.2.3'] },
  }
  for (let host = 1; host < 10; host++) {
    entries[`192.0.2.${host}`] = { PTR: [`mail${host}.good.test`] }
    entries[`mail${host}.good.test`] = { A: [`192.0.2.${host}`] }
  }
  return entries
}
