/** What was found out about who sent it: SPF, DKIM, DMARC, the client, and what mail clients may read differently. */
import { Fact } from '../now/panel.tsx'
import { Icon } from '../part/icon.tsx'
import { Visible } from '../part/visible.tsx'
import type { Finding, Link, Mail } from './mail.ts'

/** The checks, each with what it means. */
export function Checks({ mail }: { mail: Mail }) {
  const { Authentication: found, Client: client, Recipients: recipients, Ambiguous: ambiguous } = mail.Postroad
  const { Findings: findings, Links: links } = mail.Postroad
  const signatures = found.dkim?.signatures
  const isChecked = found.spf !== undefined || found.dkim !== undefined || found.dmarc !== undefined
  return (
    <>
      {!isChecked && <p class="note">SPF, DKIM and DMARC were not looked at.</p>}
      <dl class="kv body fields">
        {found.spf && (
          <Fact word="SPF">
            <Result word={found.spf.mailFrom.result} /> <Visible text={found.spf.mailFrom.domain ?? ''} />
            <p class="note">
              Whether {client.address} may send for that domain. A program under development sends from here, so a fail
              says little.
            </p>
          </Fact>
        )}
        {signatures?.length === 0 && (
          <Fact word="DKIM">
            <Result word="none" /> not signed
          </Fact>
        )}
        {signatures?.map(({ result, domain = '', selector = '', comment }) => (
          <Fact word="DKIM">
            <Result word={result} /> <Visible text={`${selector}._domainkey.${domain}`} />
            {comment !== undefined && comment !== '' && (
              <p class="note">
                <Visible text={comment} />
              </p>
            )}
          </Fact>
        ))}
        {found.dmarc && (
          <Fact word="DMARC">
            <Result word={found.dmarc.result} /> <Visible text={found.dmarc.domain ?? ''} />
            {found.dmarc.policy !== undefined && <> asks for {found.dmarc.policy}</>}
            {found.dmarc.aligned.length > 0 && <>, aligned by {found.dmarc.aligned.join(' and ')}</>}
          </Fact>
        )}
        <Fact word="Envelope">
          <bdi dir="ltr">
            <Visible text={mail.ReturnPath === '' ? '<>' : mail.ReturnPath} />
          </bdi>{' '}
          →{' '}
          <bdi dir="ltr">
            <Visible text={recipients.join(', ')} />
          </bdi>
        </Fact>
        <Fact word="Client">
          {client.address} <Visible text={client.helo} />
          {client.tls === '' ? ', without TLS' : `, ${client.tls}`}
          {mail.Username !== '' && (
            <>
              , logged in as <Visible text={mail.Username} />
            </>
          )}
        </Fact>
        {ambiguous.length > 0 && (
          <Fact word="Ambiguous">Mail clients may read this differently: {ambiguous.join(', ')}</Fact>
        )}
      </dl>
      {findings && <Filters findings={findings} />}
      {links.length > 0 && <Links links={links} />}
    </>
  )
}

/** What filters would say, and what it is worth where nobody has changed that. */
function Filters({ findings }: { findings: readonly Finding[] }) {
  const points = findings.reduce((sum, { weight }) => sum + (typeof weight === 'number' ? weight : 0), 0)
  return (
    <section aria-labelledby="filters">
      <h3 id="filters">What a filter would say</h3>
      {findings.length === 0 ? (
        <p class="note">Nothing: no filter that is installed here has found anything.</p>
      ) : (
        <>
          <p class="note">{round(points)} points together. Nothing was done for it: this server takes all mail.</p>
          <dl class="kv body fields">
            {findings.map(({ plugin, signal, weight, evidence }) => (
              <Fact word={plugin}>
                <b>{typeof weight === 'number' ? round(weight) : weight}</b> <Visible text={signal} />
                {evidence.length > 0 && (
                  <p class="note">
                    <Visible text={evidence.join(', ')} />
                  </p>
                )}
              </Fact>
            ))}
          </dl>
        </>
      )}
    </section>
  )
}

/** Elements, in words. */
const WORDS: Readonly<Record<string, string>> = { '': 'text', a: 'link', img: 'picture' }

/** Where links lead. None is followed: that is left to who reads. */
function Links({ links }: { links: readonly Link[] }) {
  return (
    <section aria-labelledby="links">
      <h3 id="links">Links</h3>
      <dl class="kv body fields">
        {links.map(({ URL: url, Shown: shown, Element: element, LeadsTo: leadsTo }) => (
          <Fact word={WORDS[element] ?? element}>
            <bdi dir="ltr" class="breaks">
              <Visible text={url} />
            </bdi>
            {shown !== '' && shown !== url && (
              <p class="note">
                shown as <Visible text={shown} />
              </p>
            )}
            {leadsTo !== '' && (
              <p class="note">
                leads on to <Visible text={leadsTo} />
              </p>
            )}
          </Fact>
        ))}
      </dl>
    </section>
  )
}

function round(points: number): string {
  return String(Math.round(points * 100) / 100)
}

function Result({ word }: { word: string }) {
  const kind = word === 'pass' ? 'ok' : /fail|perm/.test(word) ? 'reject' : 'silent'
  return (
    <span class={`say ${kind}`}>
      <Icon id={kind === 'ok' ? 'g-pass' : kind === 'reject' ? 'g-reject' : 'g-silent'} />
      {word}
    </span>
  )
}
