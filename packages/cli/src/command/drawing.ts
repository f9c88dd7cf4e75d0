/** A configuration as a drawing: a row a hook, in it the waves from left to right, in a wave the handlers that run at the same time. */
import type { ExplainedHandler, ExplainedScope } from '@postroad/core'

/** As a Mermaid flowchart, for Markdown. */
export function mermaid(scopes: readonly ExplainedScope[]): string {
  return ['flowchart TB', ...listening(scopes).flatMap((scope, index) => mermaidScope(scope, `s${index}`))].join('\n')
}

/** As an SVG picture; needs no font and no script. */
export function svg(scopes: readonly ExplainedScope[]): string {
  const parts: string[] = []
  let y = GAP
  let width = 0
  for (const scope of listening(scopes)) {
    const drawn = svgScope(scope, y)
    parts.push(drawn.text)
    y = drawn.bottom + GAP * 2
    width = Math.max(width, drawn.right)
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width + GAP}" height="${y}" viewBox="0 0 ${width + GAP} ${y}" font-family="sans-serif" font-size="13">\n<rect width="100%" height="100%" fill="#fff"/>\n${parts.join('\n')}\n</svg>`
}

/** A scope without a listener is seen in those within it. */
function listening(scopes: readonly ExplainedScope[]): readonly ExplainedScope[] {
  return scopes.filter(({ listeners }) => listeners.length > 0)
}

type Waves = readonly (readonly ExplainedHandler[])[]

function hooksOf(scope: ExplainedScope): readonly (readonly [string, Waves])[] {
  return Object.entries(scope.hooks).map(([hook, waves]) => [hook, waves ?? []] as const)
}

function mermaidScope(scope: ExplainedScope, id: string): readonly string[] {
  const places = scope.listeners.map(({ place, protocol }) => `${place} (${protocol})`).join(', ')
  const hooks = hooksOf(scope)
  const nodes = hooks.map(([hook, waves], index) => {
    const text = waves.map((wave) => wave.map(label).join(' + ')).join(' → ')
    return `    ${id}h${index}["<b>${hook}</b><br/>${quoted(text)}"]`
  })
  const order = hooks.length > 1 ? [`    ${hooks.map((_, index) => `${id}h${index}`).join(' --> ')}`] : []
  return [`  subgraph ${id}["${quoted(`${scope.name}: ${places}`)}"]`, ...nodes, ...order, '  end']
}

function label({ plugin, ownName, mode, provides }: ExplainedHandler): string {
  const title = plugin === ownName ? plugin : `${ownName} as ${plugin}`
  return `${title}${mode === 'shadow' ? ' (shadow)' : ''}${provides.length > 0 ? ` [${provides.join(', ')}]` : ''}`
}

const GAP = 12
const LINE = 22
const HOOK = 96
/** Pixels a character of 13 pixels takes, about. */
const CHARACTER = 7.5

interface Drawn {
  readonly text: string
  readonly bottom: number
  readonly right: number
}

function svgScope(scope: ExplainedScope, top: number): Drawn {
  const places = scope.listeners.map(({ place, protocol }) => `${place} (${protocol})`).join(', ')
  const title = `scope ${scope.name}: ${places}`
  const parts = [`<text x="${GAP}" y="${top + 14}" font-weight="bold">${escaped(title)}</text>`]
  let y = top + LINE + GAP
  let right = GAP + title.length * CHARACTER
  for (const [hook, waves] of hooksOf(scope)) {
    const row = svgHook(hook, waves, y)
    parts.push(row.text)
    y = row.bottom + GAP
    right = Math.max(right, row.right)
  }
  return { text: parts.join('\n'), bottom: y, right }
}

function svgHook(hook: string, waves: Waves, y: number): Drawn {
  const height = Math.max(1, ...waves.map((wave) => wave.length)) * LINE + 8
  const parts = [`<text x="${GAP}" y="${y + 19}" fill="#555">${escaped(hook)}</text>`]
  let x = GAP + HOOK
  for (const [index, wave] of waves.entries()) {
    if (index > 0) {
      parts.push(`<path d="M${x} ${y + 15}h14m-5 -4l5 4l-5 4" stroke="#555" fill="none"/>`)
      x += 20
    }
    const width = Math.max(...wave.map((handler) => label(handler).length)) * CHARACTER + 20
    parts.push(
      `<rect x="${x}" y="${y}" width="${width}" height="${wave.length * LINE + 8}" rx="5" fill="#eef3fb" stroke="#7a94c4"/>`,
    )
    for (const [row, handler] of wave.entries())
      parts.push(
        `<text x="${x + 10}" y="${y + 19 + row * LINE}"${handler.mode === 'shadow' ? ' fill="#888"' : ''}>${escaped(label(handler))}</text>`,
      )
    x += width
  }
  return { text: parts.join('\n'), bottom: y + height, right: x }
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Within the quotes of Mermaid. */
function quoted(text: string): string {
  return text.replace(/["<>&#]/g, (character) => `#${character.charCodeAt(0)};`)
}
