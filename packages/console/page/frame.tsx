/** The frame: which server, which screen, how many workers answer, and what everybody has to know at once (the server is gone, a token is wanted). */
import type { ApiCall } from '@postroad/admin-api'
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Icon } from './part/icon.tsx'
import { KeyList, type KeyRow } from './part/key-list.tsx'
import { Empty } from './part/state.tsx'
import { ConfigScreen } from './screen/config.tsx'
import { Doctor } from './screen/doctor.tsx'
import { Login } from './screen/login.tsx'
import { Now } from './screen/now.tsx'
import { Overview } from './screen/overview.tsx'
import { Plugins } from './screen/plugins.tsx'
import { Quarantine } from './screen/quarantine.tsx'
import { Queue } from './screen/queue.tsx'
import { Why } from './screen/why.tsx'
import { useKeys } from './state/keys.ts'
import { go, linkTo, place, SCREENS, type Screen } from './state/route.ts'
import { access, logout, lostSince, may, status } from './state/session.ts'
import { nextTheme, theme } from './state/theme.ts'
import { said } from './state/toast.ts'
import { counted, number, timeOf } from './word.ts'

const DRAWN: Readonly<Record<Screen, () => ComponentChildren>> = {
  overview: () => <Overview />,
  now: () => <Now />,
  why: () => <Why />,
  queue: () => <Queue />,
  quarantine: () => <Quarantine />,
  plugins: () => <Plugins />,
  doctor: () => <Doctor />,
  config: () => <ConfigScreen />,
}
/** The call that a screen is nothing without. */
const NEEDS: Readonly<Record<Screen, ApiCall>> = {
  overview: 'summary',
  now: 'events',
  why: 'transactions',
  queue: 'sites',
  quarantine: 'quarantine',
  plugins: 'plugins',
  doctor: 'doctor',
  config: 'config',
}
const TITLES: Readonly<Record<Screen, string>> = {
  overview: 'Overview',
  now: 'Now',
  why: 'Why',
  queue: 'Queue',
  quarantine: 'Quarantine',
  plugins: 'Plugins',
  doctor: 'Doctor',
  config: 'Configuration',
}

/** All of it. */
export function Frame() {
  const [isHelp, setHelp] = useState(false)
  const { screen } = place.value
  const keys = Object.fromEntries(SCREENS.map((name, n) => [String(n + 1), () => may(NEEDS[name]) && go(name)]))
  useKeys({
    ...keys,
    '7': () => may('doctor') && go('doctor'),
    '8': () => may('config') && go('config'),
    '/': () => document.querySelector<HTMLInputElement>('[data-search]')?.focus(),
    t: nextTheme,
    '?': () => setHelp(true),
  })
  useEffect(() => {
    document.title = `${TITLES[screen]} · ${status.value?.hostname ?? 'Postroad'}`
    document.getElementById('main')?.focus({ preventScroll: true })
  }, [screen])
  if (access.value === 'stranger') return <Login />
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the screen
      </button>
      <Top screen={screen} help={() => setHelp(true)} />
      <Lost />
      <main id="main" tabIndex={-1}>
        {access.value === 'unknown' ? (
          <p class="waiting">Asking the server …</p>
        ) : status.value === undefined ? null : may(NEEDS[screen]) ? (
          DRAWN[screen]()
        ) : (
          <Absent screen={screen} />
        )}
      </main>
      {isHelp && <Help close={() => setHelp(false)} />}
      <p id="live" role="status" class={said.value.isOn ? 'on' : ''}>
        {said.value.text}
      </p>
    </>
  )
}

function Top({ screen, help }: { screen: Screen; help: () => void }) {
  const now = status.value
  const counts: Partial<Record<Screen, ComponentChildren>> = {
    queue: now?.counts.waiting ? <em class="count">{number(now.counts.waiting)}</em> : null,
    quarantine: now?.counts.quarantined ? <em class="count">{number(now.counts.quarantined)}</em> : null,
    plugins: now?.counts.failures ? (
      <em class="count bad" title={`${counted(now.counts.failures, 'failure')} in the last hour`}>
        {number(now.counts.failures)}
      </em>
    ) : null,
  }
  return (
    <header class="top">
      <a class="brand" href="#now">
        <Icon id="i-road" />
        <b>Postroad</b>
        <span class="host">{now?.hostname}</span>
      </a>
      <nav class="tabs" aria-label="Screens">
        {SCREENS.map(
          (name, n) =>
            may(NEEDS[name]) && (
              <a href={linkTo(name)} {...(name === screen && { 'aria-current': 'page' as const })}>
                <Icon id={`i-${name}`} />
                <span>{TITLES[name]}</span>
                {counts[name]}
                <kbd>{n + 1}</kbd>
              </a>
            ),
        )}
      </nav>
      <Health />
      {may('doctor') && (
        <a
          class="icon"
          href="#doctor"
          aria-label="Doctor"
          title="Doctor (7)"
          {...(screen === 'doctor' && { 'aria-current': 'page' as const })}
        >
          <Icon id="i-doctor" />
        </a>
      )}
      {may('config') && (
        <a
          class="icon"
          href="#config"
          aria-label="Configuration"
          title="Configuration (8)"
          {...(screen === 'config' && { 'aria-current': 'page' as const })}
        >
          <Icon id="i-config" />
        </a>
      )}
      <button
        class="icon"
        type="button"
        aria-label={`Theme: ${theme.value || 'as the system'}`}
        title="Theme (t)"
        onClick={nextTheme}
      >
        <Icon id="i-theme" />
      </button>
      <button class="icon" type="button" aria-label="Keys" title="Keys (?)" onClick={help}>
        ?
      </button>
    </header>
  )
}

function Health() {
  const now = status.value
  if (now === undefined) return <p class="health" />
  const { asked, answered } = now.workers
  const isPart = answered < asked
  const word = lostSince.value !== undefined ? 'no answer' : asked === 1 ? 'running' : `${answered} of ${asked} workers`
  return (
    <p
      class={`health${lostSince.value !== undefined ? ' lost' : isPart ? ' part' : ''}`}
      title={isPart ? 'What the others know is missing in all numbers here' : undefined}
    >
      <i class="dot" aria-hidden="true" />
      {word} <span>generation {now.generation}</span>
    </p>
  )
}

/** A screen that this server has no answer for, or not for this caller: it leads on to one that it has. */
function Absent({ screen }: { screen: Screen }) {
  const first = [...SCREENS, 'config' as const].find((name) => may(NEEDS[name]))
  useEffect(() => {
    // Who came without saying where to is shown what there is.
    if (location.hash === '' && first !== undefined) go(first, {}, true)
  }, [first])
  return (
    <Empty icon="i-road" title={`This server does not answer for ${TITLES[screen]}.`}>
      <p>Nothing of it uses what this screen shows, or your role may not see it.</p>
    </Empty>
  )
}

/** One line, not a sheet over everything: what is known stays readable. */
function Lost() {
  if (lostSince.value === undefined) return null
  return (
    <div class="trouble lost" role="alert">
      <Icon id="i-cut" />
      <p>
        <b>The server does not answer since {timeOf(lostSince.value)}.</b> What stands here is what was known then; it
        is asked again every few seconds.
      </p>
    </div>
  )
}

const KEYS: readonly KeyRow[] = [
  [['1', '6'], 'screens'],
  [['/'], 'search or filter'],
  [['j', 'k'], 'next, previous row'],
  [['g', 'G'], 'first, last row'],
  [['Enter'], 'why this one?'],
  [['Space'], 'pause, go on'],
  [['r'], 'retry in the queue; release in the quarantine'],
  [['h'], 'hold in the queue'],
  [['d'], 'delete, after a question'],
  [['c'], 'copy the record'],
  [['t'], 'as the system, light, dark'],
  [['Esc'], 'close, go back'],
]

function Help({ close }: { close: () => void }) {
  return (
    <KeyList rows={KEYS} close={close}>
      {status.value?.caller !== undefined && (
        <p class="note who-asks">
          {status.value.caller.name}, {status.value.caller.roles.join(', ')}
        </p>
      )}
      {may('logout') && (
        <button type="button" class="btn" onClick={logout}>
          Log out
        </button>
      )}
    </KeyList>
  )
}
