/** Plugins of Haraka for which there is one here: with its options, as far as they say the same. */
import type { HarakaSite, Ini } from './site.ts'
import type { UseLine } from './step.ts'

/** What stands in the place of a plugin, and what was not carried over. */
export interface Native {
  readonly use: UseLine
  readonly text: string
  readonly open?: readonly string[]
}

const use = (name: string, plugin: string, options: object = {}): UseLine => ({
  code: Object.keys(options).length === 0 ? `${name}()` : `${name}(${show(options)})`,
  from: [name, `@postroad/${plugin}`],
})

/** By the short name of the plugin. */
export const NATIVE: ReadonlyMap<string, (site: HarakaSite) => Native | undefined> = new Map([
  ['spf', (site) => spf(site.ini('spf.ini'))],
  ['dkim', (site) => dkim(site.ini('dkim.ini'))],
  ['fcrdns', (site) => helo(site, 'fcrdns.ini')],
  ['helo.checks', (site) => helo(site, 'helo.checks.ini')],
  ['dns-list', (site) => dnsList(site.ini('dns-list.ini'))],
  ['greylist', (site) => greylist(site)],
  ['clamd', (site) => clamd(site.ini('clamd.ini'))],
  ['rspamd', (site) => rspamd(site.ini('rspamd.ini'))],
  ['spamassassin', (site) => spamassassin(site.ini('spamassassin.ini'))],
  ['uribl', (site) => uribl(site.ini('uribl.ini'))],
])

function spf({ deny = {} }: Ini): Native {
  const fails = isOn(deny['mfrom_fail'])
  const soft = isOn(deny['mfrom_softfail'])
  const options = { ...(fails && { fail: 'reject' }), ...(soft && { softfail: 'reject' }) }
  return {
    use: use('spf', 'spf', options),
    text: fails || soft ? 'refuses what [deny] in spf.ini says' : 'gives points, as spf.ini refuses nothing',
    ...(Object.keys(deny).some((key) => key.startsWith('helo')) && { open: ['[deny] helo_* of spf.ini: points only'] }),
  }
}

function dkim({ sign = {}, verify = {} }: Ini): Native {
  const signs = isOn(sign['enabled'])
  const open = signs
    ? [
        '[sign] of dkim.ini: add dkim.sign({ keys: [{ domain, selector, file }] }); the key files of config/dkim fit as they are',
      ]
    : []
  return {
    use: use('dkim', 'dkim'),
    text: verify['enabled'] === 'false' ? 'verifies, which dkim.ini had off: it costs little' : 'verifies',
    ...(open.length > 0 && { open }),
  }
}

function helo(site: HarakaSite, file: string): Native {
  const { reject = {} } = site.ini(file)
  const refusing = Object.entries(reject).filter(([, value]) => isOn(value))
  return {
    use: use('helo', 'helo'),
    text: 'reverse DNS and the name in HELO, worth points; thresholds say from when on mail is refused',
    ...(refusing.length > 0 && {
      open: [
        `[reject] ${refusing.map(([key]) => key).join(', ')} of ${file}: points here, because RFC 5321 §4.1.4 forbids to refuse for the name alone`,
      ],
    }),
  }
}

function dnsList(ini: Ini): Native | undefined {
  const { main = {} } = ini
  const zones = listOf(main['zones'])
  if (zones.length === 0) return undefined
  const lists = zones.map((zone) => {
    const own = ini[zone] ?? {}
    const isAllowing = own['type'] === 'allow' || zone.includes('dnswl')
    return { zone, action: isAllowing ? -3 : isOn(own['reject'] ?? main['reject']) ? 'reject' : 3 }
  })
  return { use: use('dnsbl', 'dnsbl', { lists }), text: `asks ${zones.join(', ')}, all at the same time` }
}

function greylist(site: HarakaSite): Native {
  const { period = {} } = site.ini('greylist.ini')
  const seconds = Number(period['black'])
  return {
    use: use('greylist', 'greylist', Number.isFinite(seconds) && seconds > 0 ? { delay: seconds * 1_000 } : {}),
    text: 'remembers in the store of the server; with @postroad/redis in Redis, for several machines',
    open: site.has('greylist.ini') ? ['white lists of greylist.ini: `trusted`, `trustedDomains`, `spared`'] : [],
  }
}

function clamd({ main = {}, reject = {} }: Ini): Native {
  const at = String(main['clamd_socket'] ?? '127.0.0.1:3310').split(/[,;\s]+/)
  const isKept = reject['virus'] === false || reject['virus'] === 'false'
  return {
    use: use('clamav', 'clamav', { at: at.length === 1 ? at[0] : at, ...(isKept && { infected: 8 }) }),
    text: `asks clamd at ${at.join(', ')}`,
  }
}

function rspamd({ main = {}, auth = {} }: Ini): Native {
  const at = main['unix_socket']
    ? String(main['unix_socket'])
    : `${main['host'] ?? 'localhost'}:${main['port'] ?? 11333}`
  return {
    use: use('rspamd', 'rspamd', { at }),
    text: `asks rspamd at ${at}, and does what it says`,
    ...(Object.keys(auth).length > 0 && { open: ['[auth] of rspamd.ini: `key`'] }),
  }
}

function spamassassin({ main = {} }: Ini): Native {
  const at = String(main['spamd_socket'] ?? '127.0.0.1:783')
  const threshold = Number(main['reject_threshold'])
  const options =
    Number.isFinite(threshold) && threshold > 0 ? { at, trust: 'verdict', levels: { reject: threshold } } : { at }
  return {
    use: use('spamassassin', 'spamassassin', options),
    text: `asks spamd at ${at}`,
    ...(main['relay_reject_threshold'] !== undefined && {
      open: ['relay_reject_threshold of spamassassin.ini: a second use with `when`'],
    }),
  }
}

function uribl(ini: Ini): Native | undefined {
  const zones = Object.keys(ini).filter((name) => name.includes('.'))
  if (zones.length === 0) return undefined
  const lists = zones.map((zone) => ({ zone, action: 'reject' }))
  return {
    use: use('urls', 'urls', { lists }),
    text: `links of the body against ${zones.join(', ')}`,
    open: ['zones of uribl.ini that look up the client or the envelope: `dnsbl` with `of`'],
  }
}

/** What haraka-config makes of yes and no. */
export function isOn(value: unknown): boolean {
  return value === true || ['true', 'yes', 'ok', 'enabled', 'on', '1', 'reject'].includes(String(value).toLowerCase())
}

/** `zones[]=…` or `zones=a,b`. */
function listOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value.map(String) : String(value ?? '').split(/[,;\s]+/)).filter((one) => one !== '')
}

/** A value as it is written in TypeScript. */
export function show(value: unknown): string {
  if (typeof value === 'string')
    return `'${value
      .replace(/\\/g, '\\\\')
      .replace(/'/g, "\\'")
      .replace(/[\r\n]/g, ' ')}'`
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : show(name))
  return `{ ${Object.entries(value)
    .map(([name, one]) => `${key(name)}: ${show(one)}`)
    .join(', ')} }`
}
