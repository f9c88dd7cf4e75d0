/** A function of options that makes a plugin: for a rule in one's own project, where TypeScript checks the options and no schema is needed. */
import { defer, definePlugin, type Plugin } from '@postroad/plugin'

/** When mail from outside is taken; hours are of UTC, `until` is the first that is not. */
export interface OfficeHours {
  readonly from: number
  readonly until: number
}

/** Defers mail outside of office hours, unless the client has proved who it is. */
export function officeHours({ from, until }: OfficeHours): Plugin {
  const isOpen = (time: number): boolean => {
    const hour = new Date(time).getUTCHours()
    return from <= until ? hour >= from && hour < until : hour >= from || hour < until
  }
  const plugin = definePlugin({
    name: 'office-hours',
    hooks: {
      mail({ session, now }) {
        if (!session.identity && !isOpen(now()))
          return defer('We are closed, try again in the morning', { status: '4.3.2', code: 450 })
      },
    },
  })
  return plugin()
}
