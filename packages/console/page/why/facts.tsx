/** What was found out about a mail: who sent it, and what SPF, DKIM, DMARC and others said. Facts of plugins that the page does not know are shown as they are. */
import type { ApiShape } from '@postroad/admin-api'
import { Fact } from '../now/panel.tsx'
import { Say } from '../part/opinion.tsx'
import { Visible } from '../part/visible.tsx'
import { octets } from '../word.ts'

const NAMES: Readonly<Record<string, string>> = {
  spf: 'SPF',
  dkim: 'DKIM',
  dmarc: 'DMARC',
  arc: 'ARC',
  iprev: 'Reverse name',
  'reverse-dns': 'Reverse name',
  'dns-listed': 'DNS lists',
}
const RESULTS: Readonly<Record<string, string>> = {
  pass: 'pass',
  bestguesspass: 'pass',
  fail: 'reject',
  softfail: 'points',
  permerror: 'failed',
  temperror: 'failed',
  policy: 'points',
}

/** The list. */
export function Facts({ record, row }: { record: ApiShape<'record'> | undefined; row: ApiShape<'row'> | undefined }) {
  if (record === undefined || row === undefined) return null
  const { tls } = record
  return (
    <dl class="kv">
      {row.subject !== undefined && (
        <Fact word="Subject">
          <span dir="auto">
            <Visible text={row.subject} />
          </span>
        </Fact>
      )}
      {row.messageId !== undefined && (
        <Fact word="Message-ID">
          <code>
            <Visible text={row.messageId} />
          </code>
        </Fact>
      )}
      {row.from !== undefined && (
        <Fact word="From">
          <bdi dir="ltr">{row.from === '' ? '<>' : <Visible text={row.from} />}</bdi>
        </Fact>
      )}
      {row.to.length > 0 && (
        <Fact word="To">
          {row.to.map((one, n) => (
            <>
              {n > 0 && ', '}
              <bdi dir="ltr">
                <Visible text={one} />
              </bdi>
            </>
          ))}
          {row.recipients > row.to.length && ` and ${row.recipients - row.to.length} more`}
        </Fact>
      )}
      <Fact word="Client">
        <code>{row.remote}</code> {row.helo !== undefined && <Visible text={row.helo} />}
      </Fact>
      {tls !== undefined && (
        <Fact word="TLS">
          {tls.version.replace('TLSv', '')}, {tls.group ?? tls.cipher}
        </Fact>
      )}
      {record.identity !== undefined && (
        <Fact word="Identity">
          <Visible text={record.identity} />
        </Fact>
      )}
      {Object.entries(record.facts ?? {}).map(([name, value]) => (
        <Fact word={NAMES[name] ?? name}>
          <FactValue value={value} />
        </Fact>
      ))}
      {row.size > 0 && <Fact word="Size">{octets(row.size)}</Fact>}
      <Fact word="Listener">{row.listener}</Fact>
      <Fact word="Id">
        <code>{row.id}</code>
      </Fact>
    </dl>
  )
}

function FactValue({ value }: { value: unknown }) {
  if (Array.isArray(value))
    return value.length === 0 ? (
      <span class="shadow">none</span>
    ) : (
      value.map((one) => (
        <span class="factline">
          <FactValue value={one} />
        </span>
      ))
    )
  if (typeof value !== 'object' || value === null) return <Visible text={String(value)} />
  const { result, domain, identity: _known, comment, ...rest } = value as Record<string, unknown> // foreign: looked at below
  const details = Object.entries(rest).filter(
    ([name, detail]) =>
      detail !== undefined &&
      detail !== null &&
      detail !== '' &&
      !(name === 'names' && Array.isArray(detail) && detail.length < 2),
  )
  // SPF has a result for each of two names.
  if (result === undefined && details.length > 0 && details.every(([, detail]) => isResult(detail)))
    return (
      <>
        {details.map(([name, detail]) => (
          <span class="factline">
            <FactValue value={detail} /> <span class="shadow">{IDENTITIES[name] ?? name}</span>
          </span>
        ))}
      </>
    )
  return (
    <span {...(typeof comment === 'string' && { title: comment })}>
      {typeof result === 'string' && <Say kind={RESULTS[result] ?? 'silent'} word={result} />}{' '}
      {typeof domain === 'string' && <Visible text={domain} />}
      {domain !== undefined && details.length > 0 && ', '}
      {details.map(([name, detail], n) => (
        <span class="shadow">
          {n > 0 && ', '}
          {name} {typeof detail === 'object' ? <FactValue value={detail} /> : <Visible text={String(detail)} />}
        </span>
      ))}
    </span>
  )
}

const IDENTITIES: Readonly<Record<string, string>> = { mailFrom: 'MAIL FROM', helo: 'HELO' }

function isResult(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'result' in value
}
