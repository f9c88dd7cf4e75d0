/** A record as JSON, coloured, with a line a field. */
import { Visible } from '../part/visible.tsx'

/** The value, as it was logged. */
export function Json({ value }: { value: object }) {
  const text = `{ ${Object.entries(value)
    .map(([key, one]) => `${JSON.stringify(key)}: ${spaced(JSON.stringify(one) ?? 'null')}`)
    .join(',\n  ')} }`
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and who has no mouse scrolls by keys
    <pre tabIndex={0}>
      {text.split(/("(?:[^"\\]|\\.)*"(?:: )?|\b\d[\d.]*\b)/).map((part) => {
        if (part.endsWith('": ')) return <span class="key">{part}</span>
        if (part.startsWith('"'))
          return (
            <span class="str">
              <Visible text={part} />
            </span>
          )
        return /^\d/.test(part) ? <span class="nr">{part}</span> : part
      })}
    </pre>
  )
}

/** Space after what separates, but not within strings. */
function spaced(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|[:,]/g, (part) => (part.length === 1 ? `${part} ` : part))
}
