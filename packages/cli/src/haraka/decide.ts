/** Reads a whole Haraka, and decides what stands in the place of each line. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { isPublished, newName, SERVER_DOES } from './names.ts'
import { isOn, NATIVE, show } from './native.ts'
import type { HarakaSite } from './site.ts'
import type { Imported, ImportStep, UseLine } from './step.ts'

interface Draft {
  readonly steps: ImportStep[]
  readonly uses: UseLine[]
  readonly domains: Record<string, object>
  relay: Record<string, unknown> | undefined
  hasQueue: boolean
}

/** @param folder where the configuration will stand */
export function importSite(site: HarakaSite, folder: string): Imported {
  const draft: Draft = { steps: [], uses: [], domains: {}, relay: undefined, hasQueue: false }
  const way = nextHop(site)
  for (const { name, line } of site.plugins)
    decide({ site, draft, folder, way }, name, `config/plugins:${line} ${name}`)
  const settings = settingsOf(site, draft)
  const listeners = listenersOf(site, draft)
  routing(draft)
  if (draft.hasQueue)
    draft.uses.push({ code: `queue(${queueOptions(site, draft)})`, from: ['queue', '@postroad/queue'] })
  leftOver(site, draft)
  return { steps: draft.steps, uses: draft.uses, settings, listeners }
}

type Place = {
  readonly site: HarakaSite
  readonly draft: Draft
  readonly folder: string
  readonly way: Record<string, unknown>
}

function decide(place: Place, line: string, at: string): void {
  const { site, draft, folder, way } = place
  const name = newName(line)
  const say = (kind: ImportStep['kind'], text: string): void => void draft.steps.push({ at, kind, text })
  if (name !== line && !line.startsWith('haraka-plugin-'))
    say('open', `is called ${name} by now; the files of its configuration may have other names, too`)
  const doing = SERVER_DOES.get(name)
  if (doing !== undefined) {
    say('server', doing)
    return
  }
  if (name === 'rcpt_to.in_host_list') {
    const hosts = site.list('host_list')
    for (const host of hosts) draft.domains[host.toLowerCase()] ??= way
    say('native', `routing: domains ${hosts.join(', ') || '(config/host_list is empty)'}`)
    if (site.list('host_list_regex').length > 0)
      say('open', 'config/host_list_regex: write them as patterns in `domains` of routing, `*.example.com`')
    return
  }
  if (name === 'relay') {
    relay(place, at)
    return
  }
  if (name.startsWith('queue/')) {
    queueing(place, name, at)
    return
  }
  const native = NATIVE.get(name)?.(site)
  if (native) {
    const isThere = draft.uses.some(({ code }) => code === native.use.code)
    if (!isThere) draft.uses.push(native.use)
    say('native', `${native.use.from[0]}: ${isThere ? 'by the use above' : native.text}`)
    for (const open of native.open ?? []) say('open', open)
    return
  }
  const own = ['.js', '/package.json'].map((end) => path.join(site.folder, 'plugins', `${name}${end}`)).find(existsSync)
  const target =
    own === undefined
      ? `haraka-plugin-${name}`
      : relative(folder, path.join(site.folder, 'plugins', own.endsWith('.js') ? `${name}.js` : name))
  const isCore = own === undefined && !isPublished(name)
  const judges = JUDGING.has(name) || name.startsWith('rcpt_to.')
  const options = {
    plugin: isCore ? name : target,
    config: relative(folder, site.config),
    ...(judges && { route: way }),
  }
  if (judges) draft.hasQueue = true
  const needsCore = isCore || INHERITING.has(name)
  const packages = [...(own === undefined && !isCore ? [target] : []), ...(needsCore ? ['Haraka'] : [])]
  draft.uses.push({
    code: `haraka(${show(options)})`,
    from: ['haraka', '@postroad/haraka'],
    packages,
    as: `haraka-${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`,
  })
  if (own?.endsWith('.js') && /hook_rcpt\b|'rcpt'/.test(readFileSync(own, 'utf8')))
    say(
      'open',
      'it has to do with recipients: if it says OK to some, give it a `route`, for OK alone routes nothing here',
    )
  say(
    'haraka',
    isCore ? 'runs unchanged; it comes with Haraka itself, whose package has to be installed' : 'runs unchanged',
  )
}

/** Published plugins that say which recipients are there. */
const JUDGING: ReadonlySet<string> = new Set(['recipient-routes', 'qmail-deliverable', 'rcpt-ldap'])

/** Published plugins that inherit from files of Haraka itself. */
const INHERITING: ReadonlySet<string> = new Set(['aliases', 'auth-ldap', 'rcpt-ldap'])

function relay({ site, draft }: Place, at: string): void {
  const { relay: said = {} } = site.ini('relay.ini')
  const networks = site.list('relay_acl_allow')
  const tell = (kind: ImportStep['kind'], text: string): void => void draft.steps.push({ at, kind, text })
  if (networks.length > 0) {
    draft.relay = { ...draft.relay, networks, via: 'smtp' }
    draft.hasQueue = true
    tell('native', `routing: relay for ${networks.join(', ')}`)
  }
  if (isOn(said['all']))
    tell(
      'open',
      'relay.all of relay.ini: an open relay is not written; name the networks in `relay.networks` of routing',
    )
  for (const [key, file] of [
    ['dest_domains', 'relay_dest_domains.ini'],
    ['force_routing', 'relay_dest_domains.ini'],
  ] as const)
    if (isOn(said[key])) tell('open', `relay.${key}: config/${file} as \`addresses\` and \`domains\` of routing`)
  if (networks.length === 0 && Object.keys(said).length === 0) tell('open', 'nothing is configured for it')
}

function queueing({ site, draft, way }: Place, name: string, at: string): void {
  const tell = (kind: ImportStep['kind'], text: string): void => void draft.steps.push({ at, kind, text })
  if (name === 'queue/smtp_forward' || name === 'queue/lmtp') {
    const file = name === 'queue/lmtp' ? 'lmtp.ini' : 'smtp_forward.ini'
    draft.hasQueue = true
    tell(
      'native',
      `queue, and routes to ${way['host'] ?? 'the mail host of each domain'}${way['port'] === undefined ? '' : `:${way['port']}`}: a message is on disk before the client hears 250`,
    )
    for (const [domain, own] of Object.entries(site.ini(file))) {
      if (!domain.includes('.') || typeof own['host'] !== 'string') continue
      draft.domains[domain] = {
        via: way['via'],
        host: own['host'],
        ...(own['port'] !== undefined && { port: Number(own['port']) }),
      }
      tell('native', `routing: ${domain} goes to ${own['host']}`)
    }
    if (site.ini(file)['main']?.['auth_user'] !== undefined)
      tell('open', `auth_user of ${file}: \`settings\` of the route, with a credential`)
    return
  }
  if (name === 'queue/discard') {
    tell(
      'open',
      'drops mail whose notes.discard is set: a rule with `discard: true` in routing, or `discard(reason)` in a plugin',
    )
    return
  }
  tell('open', `${name}: the queue of this server is \`queue\`; \`proxy\` hands mail on while the client waits`)
  draft.hasQueue = true
}

/** Where inbound mail goes, by the queue plugin that is listed. */
function nextHop(site: HarakaSite): Record<string, unknown> {
  const names = site.plugins.map(({ name }) => name)
  const isLmtp = names.includes('queue/lmtp') && !names.includes('queue/smtp_forward')
  const { main = {} } = site.ini(isLmtp ? 'lmtp.ini' : 'smtp_forward.ini')
  const isForwarded = isLmtp || names.includes('queue/smtp_forward')
  if (!isForwarded) return { via: 'smtp' }
  const host = main['path'] ?? main['host'] ?? 'localhost'
  const port = Number(main['port'] ?? (isLmtp ? 24 : 25))
  return { via: isLmtp ? 'lmtp' : 'smtp', host: String(host), ...(main['path'] === undefined && { port }) }
}

function routing(draft: Draft): void {
  const hasDomains = Object.keys(draft.domains).length > 0
  if (!hasDomains && !draft.relay) {
    draft.steps.push({
      at: 'config/host_list',
      kind: 'open',
      text: 'nobody says which domains are yours: write them into `domains` of routing, or all mail is refused with 550 5.7.1',
    })
    return
  }
  const options = { ...(hasDomains && { domains: draft.domains }), ...(draft.relay && { relay: draft.relay }) }
  draft.uses.push({ code: `routing(${show(options)})`, from: ['routing', '@postroad/routing'] })
}

function settingsOf(site: HarakaSite, { steps }: Draft): readonly string[] {
  const me = site.value('me')
  if (me === undefined) {
    steps.push({ at: 'config/me', kind: 'open', text: 'is not there: `hostname` is the name of this machine' })
    return []
  }
  steps.push({ at: 'config/me', kind: 'server', text: `hostname: ${me}` })
  return [`hostname: ${show(me)},`]
}

function listenersOf(site: HarakaSite, draft: Draft): readonly string[] {
  const { main = {} } = site.ini('smtp.ini')
  const { max = {} } = site.ini('connection.ini')
  const names = site.plugins.map(({ name }) => newName(name))
  const size = Number(max['bytes'] ?? site.value('databytes'))
  const tls = site.ini('tls.ini')['main'] ?? {}
  const say = (at: string, kind: ImportStep['kind'], text: string): void => void draft.steps.push({ at, kind, text })
  const certificate = names.includes('tls')
    ? {
        key: path.join(site.config, String(tls['key'] ?? 'tls_key.pem')),
        cert: path.join(site.config, String(tls['cert'] ?? 'tls_cert.pem')),
      }
    : undefined
  if (certificate) {
    const isThere = existsSync(certificate.key) && existsSync(certificate.cert)
    say(
      'config/tls.ini',
      isThere ? 'server' : 'open',
      isThere
        ? `certificateFiles: ${certificate.cert}`
        : `its certificate is not there (${certificate.cert}): the listener makes itself one until you name it in \`certificateFiles\``,
    )
  }
  const options = {
    ...(certificate &&
      (existsSync(certificate.key) && existsSync(certificate.cert)
        ? { certificateFiles: certificate }
        : { selfSigned: true })),
    ...(names.includes('early_talker') && {
      greeting: { waitMs: Math.min(30_000, 1_000 * Number(site.ini('early_talker.ini')['main']?.['pause'] ?? 5)) },
    }),
    ...(Number.isFinite(size) && size > 0 && { limits: { size } }),
  }
  if (Number.isFinite(size) && size > 0) say('config/connection.ini max.bytes', 'server', `limits.size: ${size}`)
  const listens = String(main['listen'] ?? '')
    .split(/[,;\s]+/)
    .filter((one) => one !== '')
  const all = (listens.length > 0 ? listens : [`${main['listen_host'] ?? '[::0]'}:${main['port'] ?? 25}`]).map(
    endpointOf,
  )
  say(
    'config/smtp.ini listen',
    'server',
    `listens on ${all.map(({ host = '*', port }) => `${host}:${port}`).join(', ')}`,
  )
  if (main['nodes'] !== undefined && String(main['nodes']) !== '0')
    say(
      'config/smtp.ini nodes',
      'server',
      `postroad start --workers ${/^\d+$/.test(String(main['nodes'])) ? main['nodes'] : 'N'}`,
    )
  return all.map(({ host, port }) => {
    const isSubmission = port === 587 || port === 465
    return show({
      ...(host !== undefined && { host }),
      port,
      ...(port === Number(main['smtps_port'] ?? 465) && { tls: 'implicit' }),
      ...(isSubmission && { auth: 'required' }),
      ...options,
    })
  })
}

function endpointOf(text: string): { readonly host?: string; readonly port: number } {
  const [, host = '', port = '25'] = /^(.*?):?(\d+)$/.exec(text) ?? []
  const bare = host.replace(/^\[|\]$/g, '')
  return { ...(!['', '::0', '::', '0.0.0.0'].includes(bare) && { host: bare }), port: Number(port) }
}

function queueOptions(site: HarakaSite, { steps }: Draft): string {
  const { main = {} } = site.ini('outbound.ini')
  const most = Number(main['concurrency_max'])
  const waits = String(main['temp_fail_intervals'] ?? '')
    .split(/[,;\s]+/)
    .filter((one) => /^\d+[smhd]$/.test(one))
  const options = {
    ...(most > 0 && { concurrency: most }),
    ...(waits.length > 0 && {
      retry: waits.map((one) => one.replace(/[smhd]$/, (unit) => ` ${unit === 'm' ? 'min' : unit}`)),
    }),
  }
  if (Object.keys(options).length > 0)
    steps.push({ at: 'config/outbound.ini', kind: 'native', text: `queue: ${Object.keys(options).join(', ')}` })
  for (const key of Object.keys(main))
    if (!['concurrency_max', 'temp_fail_intervals'].includes(key))
      steps.push({ at: `config/outbound.ini ${key}`, kind: 'open', text: 'see the options of queue' })
  return Object.keys(options).length === 0 ? '' : show(options)
}

/** Files that say something, and that nobody asked for. */
function leftOver(site: HarakaSite, { steps }: Draft): void {
  for (const [file, text] of [
    ['outbound.bounce_message', 'the text of notifications is that of RFC 3464, and cannot be changed'],
    ['http.ini', 'the page of `admin`, on a listener of kind `http`'],
    ['rabbitmq.ini', 'a plugin of your own with a hook `queue`'],
    ['ehlo_hello_message', 'cannot be changed'],
    ['smtpgreeting', 'cannot be changed'],
  ] as const)
    if (site.has(file)) steps.push({ at: `config/${file}`, kind: 'open', text })
}

function relative(from: string, to: string): string {
  const way = path.relative(from, to)
  return way === '' ? '.' : way.startsWith('.') || path.isAbsolute(way) ? way : `./${way}`
}
