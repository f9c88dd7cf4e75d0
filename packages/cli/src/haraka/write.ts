/** The configuration that an import writes. */
import type { Imported, UseLine } from './step.ts'

/** The text of `postroad.config.ts`. */
export function configText({ uses, settings, listeners, steps }: Imported): string {
  const imports = new Map(uses.map(({ from: [name, module] }) => [module, name]))
  const lines = [...imports]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([module, name]) => `import { ${name} } from '${module}'`)
  const open = steps.filter(({ kind }) => kind === 'open')
  return `${[
    ...lines,
    "import { defineConfig } from 'postroad'",
    '',
    '// Written by `postroad haraka import`. What it could not carry over:',
    ...(open.length === 0 ? ['// nothing.'] : open.map(({ at, text }) => `// * ${at}: ${text}`)),
    'export default defineConfig({',
    ...settings.map((line) => `  ${line}`),
    '  setup(app) {',
    ...listeners.map((options) => `    app.listen(${options})`),
    ...uses.map((use) => `    app.use(${use.code}${labelOf(use)})`),
    '  },',
    '})',
  ].join('\n')}\n`
}

/** Packages that it needs. */
export function packagesOf({ uses }: Imported): readonly string[] {
  const names = uses.flatMap(({ from: [, module], packages = [] }) => [module, ...packages])
  return [...new Set(['postroad', ...names])].sort()
}

function labelOf({ as }: UseLine): string {
  return as === undefined ? '' : `, { as: '${as}' }`
}
