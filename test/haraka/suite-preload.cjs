// Loaded before a test of a plugin of Haraka: `haraka-test-fixtures` is ours where the environment says so, Redis is ours at any rate, and words of
// mocha are those of node:test.
const Module = require('node:module')
const { fixtures } = { fixtures: process.env.POSTROAD_FIXTURES }
const { Socket } = require('node:net')
const test = require('node:test')

if (process.env.POSTROAD_REDIS) {
  const { connect } = Socket.prototype
  Socket.prototype.connect = function (...given) {
    const [options] = Array.isArray(given[0]) ? given[0] : given
    if (typeof options === 'object' && Number(options?.port) === 6379) options.port = Number(process.env.POSTROAD_REDIS)
    return connect.apply(this, given)
  }
}

if (fixtures) {
  const load = Module._load
  Module._load = function (request, parent, ...rest) {
    const isTheirs = request === 'haraka-test-fixtures' && !parent?.filename?.includes('plugins/haraka/src')
    return load.call(this, isTheirs ? fixtures : request, parent, ...rest)
  }
}

if (process.env.POSTROAD_MOCHA) {
  const context = {
    timeout() {
      return this
    },
    slow() {
      return this
    },
    retries() {
      return this
    },
    skip() {},
  }
  const adapted = (run) =>
    run && run.length > 0
      ? (_, done) => run.call(context, done)
      : run && ((t) => run.call(Object.assign({ skip: () => t.skip?.() }, context)))
  const wrap = (method) =>
    Object.assign((name, run) => (typeof name === 'function' ? method(hook(name)) : method(name, adapted(run))), {
      skip: (name) => test.it.skip(name),
      only: (name, run) => method(name, adapted(run)),
    })
  const hook = (run) => (run.length > 0 ? (t, done) => run.call(context, done ?? t) : () => run.call(context))
  const group = Object.assign((name, run) => test.describe(name, () => run.call(context)), { skip: test.describe.skip })
  const hooks = (method) => (first, second) => method(hook(second ?? first))
  Object.assign(globalThis, {
    describe: group,
    context: group,
    suite: group,
    it: wrap(test.it),
    specify: wrap(test.it),
    test: wrap(test.it),
    before: hooks(test.before),
    after: hooks(test.after),
    beforeEach: hooks(test.beforeEach),
    afterEach: hooks(test.afterEach),
  })
}
