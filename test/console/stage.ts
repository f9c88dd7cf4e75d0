/** One browser and one made-up server for all tests of a file: what each of them would cost to start is more than most tests take. */
import { after, before } from 'node:test'
import { requires } from '../runner/requires.ts'
import { buildPage, Chromium, PACKAGES } from './browser.ts'
import { FixtureServer } from './fixture-server.ts'

export const skip = requires(...PACKAGES)

/** What is there once the tests run. */
class Stage {
  #chromium: Chromium | undefined
  #server: FixtureServer | undefined
  #url = ''

  get chromium(): Chromium {
    if (this.#chromium === undefined) throw new Error('the browser has not been started')
    return this.#chromium
  }

  /** In a state in which everything is well; who changes it starts one of their own. */
  get server(): FixtureServer {
    if (this.#server === undefined) throw new Error('the server has not been started')
    return this.#server
  }

  get url(): string {
    return this.#url
  }

  async open(): Promise<void> {
    buildPage()
    this.#server = new FixtureServer()
    this.#url = await this.#server.listen()
    this.#chromium = await Chromium.start()
  }

  async close(): Promise<void> {
    await this.#chromium?.[Symbol.asyncDispose]()
    await this.#server?.[Symbol.asyncDispose]()
  }
}

export const stage = new Stage()
before(() => (skip ? undefined : stage.open()))
after(() => stage.close())
