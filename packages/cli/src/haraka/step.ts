/** What becomes of one thing that a Haraka is told. */

/** One line of what an import did. */
export interface ImportStep {
  /** `config/plugins:12 spf`, `config/smtp.ini listen`. */
  readonly at: string
  /** `native`: a plugin of this server. `haraka`: the same plugin, by `@postroad/haraka`. `server`: it does that itself. `open`: for you to do. */
  readonly kind: 'native' | 'haraka' | 'server' | 'open'
  readonly text: string
}

/** A use in the configuration that is written. */
export interface UseLine {
  /** `spf({ fail: 'reject' })`. */
  readonly code: string
  /** What is imported from which package. */
  readonly from: readonly [name: string, module: string]
  /** Packages to be installed besides. */
  readonly packages?: readonly string[]
  /** Label, where the plugin is used more than once. */
  readonly as?: string
}

/** What an import came to. */
export interface Imported {
  readonly steps: readonly ImportStep[]
  readonly uses: readonly UseLine[]
  /** Lines of code in `defineConfig({ … })`, and of `app.listen(…)`. */
  readonly settings: readonly string[]
  readonly listeners: readonly string[]
}
