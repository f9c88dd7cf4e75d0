// A plugin of Haraka: takes everything and drops it; asks the zone of the bench, and nobody else.
const dns = require('node:dns')

exports.register = () => {
  dns.setServers([process.env.SCAN_DNS])
  dns.promises.setServers([process.env.SCAN_DNS])
}
exports.hook_lookup_rdns = (next, connection) => {
  // A client on loopback is spared by its checks, which would be measured as quick then.
  Object.assign(connection.remote, { is_private: false, is_local: false })
  next(OK, 'client.example')
}
exports.hook_rcpt = (next) => next(OK)
exports.hook_queue = (next) => next(OK)
