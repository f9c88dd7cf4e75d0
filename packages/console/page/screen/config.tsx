/** Configuration: what is in force and where each value comes from; what it warns of; who did what. Nothing is changed here. */
import type { ApiAnswer } from '@postroad/admin-api'
import { useState } from 'preact/hooks'
import { Tokens } from '../config/tokens.tsx'
import { Icon } from '../part/icon.tsx'
import { Say } from '../part/opinion.tsx'
import { Trouble, Waiting } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { post } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { may } from '../state/session.ts'
import { tell } from '../state/toast.ts'
import { counted, number, whenOf } from '../word.ts'

type Config = ApiAnswer<'config'>

/** The screen. */
export function ConfigScreen() {
  const { answer, problem, again, isAsking } = useAsked<Config>('v1/config')
  const audit = useAsked<ApiAnswer<'audit'>>(may('audit') ? 'v1/audit?limit=20' : undefined)
  const [find, setFind] = useState('')
  const words = find.toLowerCase().split(/\s+/).filter(Boolean)
  const values =
    answer?.values.filter(({ path, value }) =>
      words.every((word) => `${path} ${JSON.stringify(value)}`.toLowerCase().includes(word)),
    ) ?? []
  const reload = async (): Promise<void> => {
    try {
      const { ok, text, mistakes } = await post<ApiAnswer<'reload'>>('v1/reload', {})
      tell(ok ? `${text}.` : `${text}: ${mistakes.join(' ')}`)
      again()
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <section class="screen page narrow" aria-labelledby="h-config">
      <Trouble problem={problem} again={again} />
      <header class="lede">
        <h1 id="h-config">
          {answer === undefined ? (
            'Configuration'
          ) : (
            <>
              Generation <b>{number(answer.generation)}</b> is in force
              {answer.file !== undefined && (
                <>
                  , from <code>{answer.file}</code>
                </>
              )}
              .{' '}
              {answer.warnings.length === 0
                ? 'It warns of nothing.'
                : `It warns of ${counted(answer.warnings.length, 'thing')}.`}
            </>
          )}
        </h1>
        {may('reload') && (
          <button type="button" class="btn" onClick={reload}>
            Read it again
          </button>
        )}
      </header>
      {answer === undefined && isAsking && <Waiting />}
      {answer?.warnings.map((warning) => (
        <p class="warning">
          <Say kind="remark" word="warning" /> {warning}
        </p>
      ))}
      {answer !== undefined && (
        <>
          <label class="search find">
            <Icon id="i-why" />
            <span class="vh">Find a value</span>
            <input
              type="search"
              data-search
              value={find}
              placeholder="Find a value: greylist delay"
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => setFind(event.currentTarget.value)}
            />
            <kbd>/</kbd>
          </label>
          <Values values={values} />
          {answer.changes.length > 0 && <Changes changes={answer.changes} />}
        </>
      )}
      {may('tokens') && <Tokens />}
      {audit.answer !== undefined && audit.answer.items.length > 0 && <Audit items={audit.answer.items} />}
    </section>
  )
}

function Values({ values }: { values: Config['values'] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls on a phone, and who has no mouse scrolls by keys
    <div class="tablewrap" role="region" aria-label="Values in force" tabIndex={0}>
      <table class="data config">
        <caption class="vh">Values in force</caption>
        <thead>
          <tr>
            <th scope="col">Value</th>
            <th scope="col">Is</th>
            <th scope="col">From</th>
          </tr>
        </thead>
        <tbody>
          {values.map(({ path, value, origin }) => (
            <tr>
              <th scope="row">
                <code>{path}</code>
              </th>
              <td>
                <code>
                  <Visible text={typeof value === 'string' ? value : JSON.stringify(value)} />
                </code>
              </td>
              <td class={origin.kind === 'default' ? 'shadow' : ''}>
                {origin.kind === 'file'
                  ? `${origin.file ?? 'file'}${origin.line === undefined ? '' : `:${origin.line}`}`
                  : origin.kind}
                {origin.text !== undefined && ` ${origin.text}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Changes({ changes }: { changes: Config['changes'] }) {
  return (
    <>
      <h2 class="h">Changes</h2>
      <ul class="checks small">
        {changes.map(({ at, generation, by, ok, text }) => (
          <li>
            <Say kind={ok ? 'ok' : 'fault'} word={`generation ${generation}`} />
            <p>
              {whenOf(at)}
              {by !== undefined && ` by ${by}`} {text}
            </p>
          </li>
        ))}
      </ul>
    </>
  )
}

function Audit({ items }: { items: ApiAnswer<'audit'>['items'] }) {
  return (
    <>
      <h2 class="h">Who did what</h2>
      <ul class="checks small">
        {items.map(({ at, caller, remote, action, target, count, ok, text }) => (
          <li>
            <Say kind={ok ? 'ok' : 'fault'} word={action} />
            <p>
              {whenOf(at)} <b>{caller}</b> <small>{remote}</small> <Visible text={target} />
              {count !== undefined && `, ${number(count)}`} {text !== undefined && <Visible text={text} />}
            </p>
          </li>
        ))}
      </ul>
    </>
  )
}
