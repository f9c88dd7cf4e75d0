/** Sets plugins up: options checked, services found, providers before those who need them. */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { PluginInstance, Role, Service } from '@postroad/plugin'
import { placeOf, type ScopeSpec, type Use } from '../config/scope.ts'
import type { Services } from '../container.ts'
import type { Mistakes } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { validated } from './options.ts'
import { OwnMail } from './own-mail.ts'
import type { Places } from './places.ts'

/** What plugins get in place of a service, by its name, whoever provides it. */
export type Substitutes = ReadonlyMap<string, (real: () => unknown) => unknown>

/** What all set-ups share. */
export interface SetupContext {
  readonly mistakes: Mistakes
  readonly log: Log
  readonly hostname: string
  readonly folder: string
  readonly role: Role
  readonly rehearsal: boolean
  readonly substitutes: Substitutes
  /** Relative paths in options start here. */
  readonly base: string
  onFile(file: string): void
  /** Nothing is made. */
  readonly looks: boolean
  readonly places: Places
  readonly signal: AbortSignal
  /** Set-up plugins in order, to be closed in reverse. */
  readonly instances: Map<Use, PluginInstance>
}

/** Sets up the plugins of one scope; those around it are there already. */
export async function setUp(scope: ScopeSpec, services: Services, context: SetupContext): Promise<void> {
  checkProviders(scope, context.mistakes)
  const options = new Map<Use, unknown>()
  for (const use of scope.uses) {
    const result = await validated(use, context.mistakes)
    if (result) options.set(use, result.value)
  }
  for (const use of inOrder(scope, context.mistakes)) {
    const missing = Object.values(use.plugin.needs).filter((need) => !services.has(need))
    for (const need of missing) {
      const isHere = scope.uses.some((other) => provides(other, need))
      // A provider that is here and did not come up has its own line.
      if (!isHere)
        context.mistakes.add(
          'ERR_NEED',
          `${placeOf(use)}${use.name} needs "${need.name}", nobody provides it in scope "${scope.name}"`,
        )
    }
    if (missing.length === 0 && options.has(use)) await start(use, options.get(use), { services, context })
  }
}

async function start(
  use: Use,
  options: unknown,
  { services, context }: { services: Services; context: SetupContext },
): Promise<void> {
  const { plugin, name } = use
  // A plugin may ask for them with each mail: they are noted once.
  const noted = new Set<string>()
  const own = path.join(context.folder, name)
  let isNoted = false
  const folder = async (): Promise<string> => {
    if (!context.looks) await mkdir(own, { recursive: true, mode: 0o700 })
    if (!isNoted) context.places.folders.push({ path: own, at: '', plugin: name, scope: use.scope, isMade: true })
    isNoted = true
    return own
  }
  const log = context.log.child({ plugin: name })
  const given = (service: Service<unknown>): unknown => {
    const real = (): unknown => {
      const found = services.get(service)
      return found instanceof OwnMail ? found.by(name) : found
    }
    return (context.substitutes.get(service.name) ?? ((provided) => provided()))(real)
  }
  try {
    const needed = Object.fromEntries(Object.entries(plugin.needs).map(([key, service]) => [key, given(service)]))
    const instance: PluginInstance = await plugin.setup({
      options,
      name,
      log,
      signal: context.signal,
      hostname: context.hostname,
      role: context.role,
      rehearsal: context.rehearsal,
      shadow: use.options.mode === 'shadow',
      folder,
      resolve(file) {
        const absolute = path.resolve(context.base, file)
        if (noted.has(absolute)) return absolute
        noted.add(absolute)
        context.onFile(absolute)
        context.places.files.push({ path: absolute, plugin: name, scope: use.scope })
        return absolute
      },
      ...needed,
    })
    context.instances.set(use, instance)
    for (const folder of instance.folders ?? [])
      context.places.folders.push({ isMade: true, ...folder, plugin: name, scope: use.scope })
    // `as`: what a plugin provides is known by the keys it declares; whether it returned them is checked here.
    const offered = (instance.services ?? {}) as Readonly<Record<string, unknown>>
    for (const [key, service] of Object.entries(plugin.provides)) {
      if (offered[key] === undefined)
        context.mistakes.add(
          'ERR_SERVICE_ABSENT',
          `${placeOf(use)}${name} declares "${service.name}" and does not return it`,
        )
      else services.provide(service, () => offered[key])
    }
  } catch (cause) {
    context.mistakes.add('ERR_SETUP', `${placeOf(use)}${name} could not be set up`, cause)
  }
}

function provides(use: Use, service: Service<unknown>): boolean {
  return Object.values(use.plugin.provides).some((own) => own.name === service.name)
}

function checkProviders(scope: ScopeSpec, mistakes: Mistakes): void {
  const seen = new Map<string, string>()
  for (const use of scope.uses) {
    for (const service of Object.values(use.plugin.provides)) {
      const other = seen.get(service.name)
      if (other)
        mistakes.add(
          'ERR_SERVICE_TWICE',
          `both ${other} and ${use.name} provide "${service.name}" in scope "${scope.name}"`,
        )
      seen.set(service.name, use.name)
    }
  }
}

/** Providers before those who need them; otherwise the order of `use`. */
function inOrder(scope: ScopeSpec, mistakes: Mistakes): readonly Use[] {
  const waiting = new Set(scope.uses)
  const result: Use[] = []
  while (waiting.size > 0) {
    const ready = [...waiting].filter(
      (use) =>
        ![...waiting].some(
          (other) => other !== use && Object.values(use.plugin.needs).some((need) => provides(other, need)),
        ),
    )
    if (ready.length === 0) {
      mistakes.add('ERR_NEED_CYCLE', `${[...waiting].map((use) => use.name).join(', ')} need services of each other`)
      return result
    }
    for (const use of ready) waiting.delete(use)
    result.push(...ready)
  }
  return result
}
