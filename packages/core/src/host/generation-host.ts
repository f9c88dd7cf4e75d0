/** What plugins that show the server, or let it be operated, are told of their generation: behind the service `Host`. */
import type { Host, HostDesk, HostOperator, HostSetting, PluginInstance, Service } from '@postroad/plugin'
import type { ScopeSpec, Use } from '../config/scope.ts'
import { type JudgedGeneral, settingsOf } from './settings.ts'

/** The server around its generations. */
export interface RunningState {
  /** Of the generation in force; 0 before the first. */
  generation: number
  readonly folder: string
  readonly file?: string
  /** Of this process, by listener. */
  readonly connections: () => ReadonlyMap<string, number>
  /** What who has started it offers. */
  readonly operator: HostOperator
}

/** What is seen of a generation that has been built. */
export interface GenerationView {
  explain(): readonly object[]
  inspect(): Promise<readonly { readonly error: Error }[]>
}

interface Built extends GenerationView {
  readonly root: ScopeSpec
  readonly instances: ReadonlyMap<Use, PluginInstance>
}

/** Made before the plugins are, and filled when they have been set up. */
export class GenerationHost implements Host {
  readonly generation: number
  readonly #running: RunningState
  readonly #judged: JudgedGeneral
  #built: Built | undefined

  constructor(running: RunningState, judged: JudgedGeneral) {
    this.generation = running.generation + 1
    this.#running = running
    this.#judged = judged
  }

  /** From now on it can be asked. */
  serve(built: Built): void {
    this.#built = built
  }

  get file(): string | undefined {
    return this.#running.file
  }

  get folder(): string {
    return this.#running.folder
  }

  get reload(): HostOperator['reload'] {
    return this.#running.operator.reload
  }

  get diagnose(): HostOperator['diagnose'] {
    return this.#running.operator.diagnose
  }

  get rehearse(): HostOperator['rehearse'] {
    return this.#running.operator.rehearse
  }

  connections(): ReadonlyMap<string, number> {
    return this.#running.connections()
  }

  explain(): readonly object[] {
    return this.#built?.explain() ?? []
  }

  async inspect(): Promise<readonly string[]> {
    const findings = (await this.#built?.inspect()) ?? []
    return findings.map(({ error }) => error.message)
  }

  async settings(): Promise<readonly HostSetting[]> {
    return this.#built ? settingsOf(this.#judged, this.#built.root) : []
  }

  desks<T>(kind: Service<T>): readonly HostDesk<T>[] {
    return desksOf(this.#built?.instances ?? [], kind)
  }
}

/** What these plugins offer of a kind. */
export function desksOf<T>(
  instances: Iterable<readonly [Use, PluginInstance]>,
  kind: Service<T>,
): readonly HostDesk<T>[] {
  return [...instances].flatMap(([use, { desks = [] }]) =>
    desks
      .filter((one) => one.kind.name === kind.name)
      // `as`: the helper that makes a desk ties it to its kind.
      .map(({ desk }) => ({ plugin: use.name, scope: use.scope, desk: desk as T })),
  )
}
