/** What we use of the libraries of Haraka, which have no types. */
declare module 'haraka-constants' {
  const constants: {
    readonly cont: 900
    readonly stop: 901
    readonly deny: 902
    readonly denysoft: 903
    readonly denydisconnect: 904
    readonly disconnect: 905
    readonly ok: 906
    readonly next_hook: 907
    readonly delay: 908
    readonly denysoftdisconnect: 909
    readonly connection: { readonly state: Readonly<Record<string, number>> }
    import(target: object): void
    translate(value: number): string
  }
  export = constants
}

declare module 'haraka-config' {
  export interface HarakaConfig {
    root_path: string
    overrides_path?: string
    get(name: string, ...rest: unknown[]): unknown
    module_config(defaults: string, overrides?: string): HarakaConfig
    stop_watching(name: string): void
  }
  const config: HarakaConfig
  export = config
}

declare module 'haraka-config/lib/watch.js' {
  const watch: { closeAll(): void }
  export = watch
}

declare module 'haraka-notes' {
  class Notes {
    constructor(notes?: object)
    get(path: string | readonly string[]): unknown
    set(path: string | readonly string[], value: unknown, onlyWhenUndefined?: boolean): void;
    [name: string]: unknown
  }
  export = Notes
}

declare module 'haraka-results' {
  class ResultStore {
    constructor(connection: object)
    add(plugin: { readonly name: string } | string, result: object): unknown
    push(plugin: { readonly name: string } | string, result: object): unknown
    incr(plugin: { readonly name: string } | string, result: object): unknown
    get(plugin: { readonly name: string } | string): Record<string, unknown> | undefined
    has(plugin: { readonly name: string } | string, list: string, search: unknown): boolean
    get_all(): Record<string, Record<string, unknown>>
  }
  export = ResultStore
}

declare module 'haraka-email-message' {
  import type { EventEmitter } from 'node:events'
  export class Header {
    header_list: string[]
    parse(lines: readonly string[]): void
    add(name: string, value: string): void
    add_end(name: string, value: string): void
    remove(name: string): void
    get(name: string): string
    get_all(name: string): readonly string[]
    lines(): readonly string[]
  }
  export class Body extends EventEmitter {
    constructor(header?: Header)
    state: string
    bodytext: string
    children: Body[]
    add_filter(filter: (type: string, encoding: string, buffer: Buffer) => Buffer): void
    set_banner(banners: readonly [text: string, html: string]): void
    parse_more(line: Buffer | string): Buffer
    parse_end(line?: Buffer): Buffer
    force_end(): void
  }
}

declare module 'haraka-net-utils' {
  const utils: {
    is_local_ip(address: string): boolean
    is_private_ip(address: string): boolean
    get_primary_host_name(): string
  }
  export = utils
}

declare module 'haraka-utils' {
  const utils: {
    uuid(): string
    sanitize(text: string): string
  }
  export = utils
}

declare module 'haraka-test-fixtures' {
  const fixtures: Record<string, unknown>
  export = fixtures
}
