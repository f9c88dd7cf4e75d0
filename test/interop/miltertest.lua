-- What miltertest, which is OpenDKIM's, asks of the filter of milter-judge.ts. Started with -D port=N -D case=NAME.

local at = "inet:" .. port .. "@127.0.0.1"

local function dial()
  local conn = mt.connect(at, 20, 0.25)
  if conn == nil then error("nobody listens") end
  return conn
end

local function well(said, what)
  if said ~= nil then error(what .. ": " .. tostring(said)) end
end

local function hears(conn, reply, what)
  local heard = mt.getreply(conn)
  if heard ~= reply then error(what .. ": heard " .. string.char(heard) .. ", not " .. string.char(reply)) end
end

local function yes(is, what)
  if not is then error(what) end
end

local function envelope(conn, from, ...)
  well(mt.mailfrom(conn, from), "mail")
  hears(conn, SMFIR_CONTINUE, "mail")
  for _, to in ipairs({ ... }) do
    well(mt.rcptto(conn, to), "rcpt")
    hears(conn, SMFIR_CONTINUE, "rcpt")
  end
end

local function greet(conn)
  well(mt.conninfo(conn, "client.example", "192.0.2.1"), "connect")
  well(mt.helo(conn, "client.example"), "helo")
end

-- Of the reply that ends a message miltertest keeps the word only: code and text are for other tests.
-- From DATA to the end; fields are pairs.
local function send(conn, subject, fields, ...)
  well(mt.data(conn), "data")
  well(mt.header(conn, "Subject", subject), "header")
  for _, field in ipairs(fields or {}) do well(mt.header(conn, field[1], field[2]), "header") end
  well(mt.eoh(conn), "end of header")
  for _, piece in ipairs({ ... }) do well(mt.bodystring(conn, piece), "body") end
  well(mt.eom(conn), "end of message")
end

local function message(conn, subject, fields)
  greet(conn)
  envelope(conn, "<sender@client.example>", "<alice@example.test>")
  send(conn, subject, fields, "text\r\n")
end

local function passes(conn)
  hears(conn, SMFIR_CONTINUE, "a message that passes")
  yes(mt.eom_check(conn, MT_HDRINSERT, "X-Filter", " was here, tls=none", 0), "a field on top")
end

local cases = {}

function cases.passes()
  local conn = dial()
  message(conn, " plain")
  passes(conn)
  yes(not mt.eom_check(conn, MT_BODYCHANGE) and not mt.eom_check(conn, MT_QUARANTINE), "nothing else is changed")
  mt.disconnect(conn)
end

function cases.steps()
  local conn = dial()
  well(mt.negotiate(conn, nil, nil, nil), "offer")
  for _, step in ipairs({ SMFIP_NR_HDR, SMFIP_NR_EOH, SMFIP_NR_BODY, SMFIP_NOUNKNOWN }) do
    yes(mt.test_option(conn, step), "a step that nobody needs an answer to")
  end
  for _, step in ipairs({ SMFIP_NOBODY, SMFIP_NOHDRS, SMFIP_NORCPT }) do
    yes(not mt.test_option(conn, step), "a step that is needed")
  end
  for _, action in ipairs({ SMFIF_ADDHDRS, SMFIF_CHGHDRS, SMFIF_CHGBODY, SMFIF_ADDRCPT, SMFIF_DELRCPT, SMFIF_QUARANTINE }) do
    yes(mt.test_action(conn, action), "an action")
  end
  mt.disconnect(conn)
end

function cases.recipient()
  local conn = dial()
  greet(conn)
  envelope(conn, "<sender@client.example>", "<alice@example.test>")
  well(mt.rcptto(conn, "<bob@example.test>"), "rcpt")
  hears(conn, SMFIR_REPLYCODE, "a recipient that is refused")
  send(conn, " plain", {}, "text\r\n")
  passes(conn)
  mt.disconnect(conn)
end

function cases.sender()
  local conn = dial()
  greet(conn)
  envelope(conn, "<nobody@client.example>")
  well(mt.rcptto(conn, "<alice@example.test>"), "rcpt")
  hears(conn, SMFIR_REPLYCODE, "what was refused at MAIL is said at RCPT")
  mt.disconnect(conn)
end

function cases.refuse()
  local conn = dial()
  message(conn, " refuse")
  hears(conn, SMFIR_REPLYCODE, "a refusal")
  mt.disconnect(conn)
end

function cases.defer()
  local conn = dial()
  message(conn, " defer")
  hears(conn, SMFIR_REPLYCODE, "a refusal for now")
  mt.disconnect(conn)
end

function cases.discard()
  local conn = dial()
  message(conn, " discard")
  hears(conn, SMFIR_DISCARD, "a discard")
  mt.disconnect(conn)
end

function cases.hold()
  local conn = dial()
  message(conn, " hold")
  hears(conn, SMFIR_CONTINUE, "what is held passes")
  yes(mt.eom_check(conn, MT_QUARANTINE, "to be looked at"), "and is held, with its reason")
  mt.disconnect(conn)
end

function cases.edits()
  local conn = dial()
  message(conn, " edit", {
    { "X-Two", " first" }, { "X-Two", " second" }, { "X-Change", " before\n and folded" },
    { "Authentication-Results", " filter.test; forged" },
  })
  passes(conn)
  yes(mt.eom_check(conn, MT_HDRINSERT, "Authentication-Results", " filter.test; none", 0), "a result on top")
  yes(mt.eom_check(conn, MT_HDRDELETE, "Authentication-Results"), "the forged one is gone")
  yes(mt.eom_check(conn, MT_HDRDELETE, "X-Two"), "one of two is gone")
  yes(mt.eom_check(conn, MT_HDRCHANGE, "X-Change", " after"), "another value")
  yes(mt.eom_check(conn, MT_BODYCHANGE, "another body\r\n.\r\n100%s\r\n"), "another body")
  yes(mt.eom_check(conn, MT_RCPTADD, "<carol@example.test>"), "a recipient more")
  yes(mt.eom_check(conn, MT_RCPTDELETE, "<alice@example.test>"), "a recipient less")
  mt.disconnect(conn)
end

function cases.abort()
  local conn = dial()
  greet(conn)
  envelope(conn, "<sender@client.example>", "<alice@example.test>")
  well(mt.data(conn), "data")
  well(mt.header(conn, "Subject", " refuse"), "header")
  well(mt.abort(conn), "abort")
  envelope(conn, "<other@client.example>", "<alice@example.test>")
  send(conn, " plain", {}, "text\r\n")
  passes(conn)
  mt.disconnect(conn)
end

function cases.gone()
  local conn = dial()
  greet(conn)
  envelope(conn, "<sender@client.example>", "<alice@example.test>")
  well(mt.data(conn), "data")
  well(mt.header(conn, "Subject", " plain"), "header")
  mt.disconnect(conn, false)
  cases.passes()
end

function cases.version2()
  local conn = dial()
  well(mt.negotiate(conn, 2, nil, nil), "offer")
  greet(conn)
  envelope(conn, "<sender@client.example>", "<alice@example.test>")
  well(mt.header(conn, "Subject", " refuse"), "header")
  well(mt.eoh(conn), "end of header")
  well(mt.bodystring(conn, "text\r\n"), "body")
  well(mt.eom(conn), "end of message")
  hears(conn, SMFIR_REPLYCODE, "a refusal in an old version")
  mt.disconnect(conn)
end

function cases.parameters()
  local conn = dial()
  greet(conn)
  well(mt.mailfrom(conn, "<sender@client.example>", "SIZE=100", "BODY=8BITMIME", "X-WHAT"), "mail")
  well(mt.rcptto(conn, "<alice@example.test>", "NOTIFY=NEVER", "ORCPT=rfc822;alice@example.test"), "rcpt")
  hears(conn, SMFIR_CONTINUE, "parameters that are known, and one that is not")
  send(conn, " plain", {}, "text\r\n")
  passes(conn)
  mt.disconnect(conn)
end

function cases.macros()
  local conn = dial()
  mt.macro(conn, SMFIC_CONNECT, "j", "mx.example.test", "{daemon_name}", "")
  greet(conn)
  mt.macro(conn, SMFIC_MAIL, "{auth_authen}", "", "i", "4XYZ", "", "no name")
  envelope(conn, "<sender@client.example>", "<alice@example.test>")
  send(conn, " plain", {}, "text\r\n")
  passes(conn)
  mt.disconnect(conn)
end

function cases.unspecified()
  local conn = dial()
  well(mt.conninfo(conn, "unknown", "unspec"), "connect")
  well(mt.helo(conn, "x"), "helo")
  envelope(conn, "<>", "<alice@example.test>")
  send(conn, " plain", {}, "text\r\n")
  passes(conn)
  mt.disconnect(conn)
end

function cases.ipv6()
  local conn = dial()
  well(mt.conninfo(conn, "client.example", "2001:db8::1"), "connect")
  envelope(conn, "<sender@client.example>", "<alice@example.test>")
  send(conn, " plain", {}, "text\r\n")
  passes(conn)
  mt.disconnect(conn)
end

function cases.split()
  local conn = dial()
  greet(conn)
  envelope(conn, "<sender@client.example>", "<alice@example.test>")
  send(conn, " plain", {}, "a\r", "\n.\r\n", "b\0c\r", "\n", "")
  passes(conn)
  mt.disconnect(conn)
end

function cases.large()
  local conn = dial()
  greet(conn)
  envelope(conn, "<sender@client.example>", "<alice@example.test>")
  well(mt.data(conn), "data")
  well(mt.header(conn, "Subject", " plain"), "header")
  well(mt.eoh(conn), "end of header")
  well(mt.bodyrandom(conn, 1000000), "body")
  well(mt.eom(conn), "end of message")
  passes(conn)
  mt.disconnect(conn)
end

function cases.series()
  local conn = dial()
  greet(conn)
  for _, subject in ipairs({ " plain", " refuse", " plain", " hold", " plain" }) do
    envelope(conn, "<sender@client.example>", "<alice@example.test>")
    send(conn, subject, {}, "text\r\n")
    if subject == " plain" then passes(conn) end
  end
  mt.disconnect(conn)
end

function cases.several()
  local conns = {}
  for each = 1, 10 do conns[each] = dial() end
  for each = 1, 10 do message(conns[each], each % 2 == 0 and " plain" or " discard") end
  for each = 1, 10 do hears(conns[each], each % 2 == 0 and SMFIR_CONTINUE or SMFIR_DISCARD, "connection " .. each) end
  for each = 1, 10 do mt.disconnect(conns[each]) end
end

local run = cases[case]
if run == nil then error("there is no case " .. case) end
run()
mt.echo("well: " .. case)
