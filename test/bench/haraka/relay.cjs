// A plugin of Haraka: everything is outbound mail, and the next hop is the sink. Nobody is looked up in the DNS, as with the other targets.
exports.hook_lookup_rdns = (next) => next(OK, 'client.example')
exports.hook_rcpt = (next, connection) => {
  connection.relaying = true
  next(OK)
}
exports.hook_get_mx = (next) => next(OK, { priority: 0, exchange: '127.0.0.1', port: Number(process.env.SINK_PORT) })
