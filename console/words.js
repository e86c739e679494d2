// SPDX-License-Identifier: Apache-2.0
// All texts of the console, in one language. To translate it, translate this file.
export const lang = 'en';

export const t = {
  // everywhere
  skip: 'Skip to the content', pages: 'Pages', loading: 'Loading …', slow: 'The gateway has not answered yet. Still waiting …',
  unreachable: 'The gateway cannot be reached. Is it running, and is this machine connected?',
  late: 'The gateway did not answer within a minute.',
  changed: 'The gateway answered something that this page does not know. It may be another version by now: load the page again.',
  status: (n) => `The gateway refused with status ${n}.`,
  requestId: 'Request', again: 'Try again', cancel: 'Cancel', close: 'Close', copy: 'Copy', copied: 'Copied', text: 'Text', save: 'Save', all: 'all', yes: 'yes', no: 'no',
  asCsv: 'As CSV', asCommand: 'As a command', more: 'Load more', reset: 'Clear filters', theme: 'Colours', themes: { auto: 'as the system', light: 'light', dark: 'dark' },
  times: (zone) => `Times are in ${zone}.`,
  clock: (text) => `This machine's clock differs from the gateway's by ${text}. The console goes by the gateway's.`,
  noPage: 'There is no such page.', notYours: 'Your role may not see this page.',
  period: 'Period', periods: { '15m': 'last 15 minutes', '1h': 'last hour', '6h': 'last 6 hours', '24h': 'last 24 hours', '7d': 'last 7 days', '30d': 'last 30 days', own: 'as drawn' },

  // login
  login: 'Log in', loginKey: 'API key', loginNote: 'The key is exchanged for a session of this browser and not kept here.', loginOidc: 'Log in with your organisation',
  loginNone: 'This gateway asks for a key, and has no login for the console.', insecure: 'This connection is not encrypted: others may read the key. Use HTTPS.',
  logout: 'Log out', loggedOut: 'The session has ended: log in again.', open: 'open: no login needed',

  // names of pages
  overview: 'Overview', requests: 'Requests', routes: 'Routes', keys: 'Keys and groups', usage: 'Usage', limits: 'Limits', audit: 'Audit', playground: 'Playground',

  // columns and facts
  time: 'Time', route: 'Route', target: 'Target', provider: 'Provider', model: 'Model', group: 'Group', key: 'Key', principal: 'Principal', session: 'Session', client: 'Client', path: 'Path', statusWord: 'Status', error: 'Error', errorType: 'Error type',
  duration: 'Duration', first: 'First token', tokens: 'Tokens', tokensIn: 'Input tokens', tokensOut: 'Output tokens', cost: 'Cost', stream: 'Stream', calls: 'Calls', errors: 'Errors', name: 'Name', type: 'Type', owner: 'Owner', state: 'State',
  cached: 'Cached', reasoning: 'Reasoning', unpriced: 'Unpriced', unmetered: 'Unmetered', minute: 'Minute', hour: 'Hour', day: 'Day',

  // overview
  errorRate: 'Errors', firstToken: 'First token', whole: 'Whole call', ofNewest: (n) => `of the newest ${n} calls`, today: 'Today', month: 'This month', running: 'Running', connections: 'connections', perMinute: 'a minute',
  p95: 'p95', plotCalls: 'Calls', plotTokens: 'Tokens', plotCost: 'Cost in US dollars', drag: 'Drag over a plot to see a part of the time.', byError: 'Errors by type', byRoute: 'Calls by route', targets: 'Targets', allUp: 'All targets take calls.', nearLimits: 'Limits near their cap',
  noneNear: 'No limit was near its cap.', used: 'Used', cap: 'Cap', per: 'Per', gateway: 'Gateway', version: 'Version', startedAt: 'Started', configuration: 'Configuration', lastReload: 'Last reload', nodes: 'Nodes', seen: 'Seen', store: 'Store', counters: 'Counters', reloadOk: 'in force', reloadRefused: 'refused', noErrors: 'No errors.', draining: 'shutting down', up: 'up', down: 'down', loadedAt: 'Loaded',
  emptyCalls: 'No calls in this time. Make one: sluice query ROUTE hello', noLog: 'Without a data directory there is no request log: start the gateway with --data DIR.', share: 'Share',

  // requests
  live: 'Live', liveOn: 'New calls appear as they end.', liveLost: 'The live list broke off; it begins again soon.', facets: 'Counts', minMs: 'Slower than (ms)', find: 'Find by id', emptyRequests: 'No calls fit. Clear the filters, choose a longer period, or make one: sluice query ROUTE hello',
  story: 'What happened', facts: 'Facts', raw: 'As JSON', asCurl: 'Copy as curl', curlNote: 'The log has no bodies: put your own in.', several: (n) => `${n} calls have this id.`, bodyIn: 'body came in', queued: 'waited for a place', connect: 'connecting', waiting: 'waiting for the first byte', answering: 'answering', paused: 'waited between attempts', beaten: 'another was faster', why: { first: 'first', retry: 'again', fallback: 'fallback', hedge: 'hedge' }, searched: (at) => `Searched back to ${at}.`, upstreamSaid: 'The provider said', told: 'The caller was told', passed: 'Passed over', dropped: 'Left out', limitsThen: 'Limits then', others: 'others', empty: '(none)',

  // usage
  by: 'By', and: 'and', noThing: '–', emptyUsage: 'No usage in this time.', kept: 'Without a data directory usage is only kept until the gateway ends.', plotted: 'What is plotted', overTime: 'over time',

  // audit
  who: 'Who', action: 'Action', before: 'Before', after: 'After', emptyAudit: 'Nothing was changed yet.',

  // routes
  newRoute: 'New route', filter: 'Filter', noneFit: 'Nothing fits.', emptyRoutes: 'There are no routes yet. Make one here, or write it into the configuration file.', ofFile: 'file', ofCall: 'made by a call', shadowed: 'hidden by the file', definedAt: 'Defined at', snippets: 'How to call it', definition: 'Definition', definitionNote: 'As JSON: the type, the model with its credential, limits, and what sluice: takes in the file.',
  create: 'Create', edit: 'Edit', delete: 'Delete', done: 'Done.', tryIt: 'Try it', inFile: 'It is defined in the configuration file: change it there.', address: 'Address', weight: 'Weight', tier: 'Tier', letIn: 'let in again', noLimits: 'No limits.', limit: 'Limit', noJson: (why) => `This is not JSON: ${why}`,
  keptSecrets: 'A credential that is left out is kept.', changedMeanwhile: 'Somebody else changed this route meanwhile. Nothing of yours is stored yet. Both are shown.', yours: 'Yours', theirs: 'What is stored now', takeTheirs: 'Take what is stored', saveMine: 'Store mine over it', deleteRoute: (name) => `Calls of the route ${name} get 404 from then on.`,

  // keys and groups
  groups: 'Groups', keysOnly: 'Keys', newKey: 'New key', newGroup: 'New group', role: 'Role', noGroup: 'none', ends: 'Ends', never: 'never', inDays: (n) => (n === 1 ? 'in a day' : `in ${n} days`), inHours: (n) => (n === 1 ? 'in an hour' : `in ${n} hours`), principalNote: 'Who calls with it: limits and the log count by this name. Left empty: its name.', onlyRoutes: 'Only routes', onlyRoutesNote: 'Names with spaces between them; left empty: all. For the role query.',
  keyMade: 'The key is made', keyOnce: 'Copy it now: nobody can show it again.', notEnforced: 'Nobody is asked for a key yet: the configuration has no auth section.', rotate: 'rotate', rotateNote: 'A new key of the same name and rights is made. The old one goes on until the time that you choose.', oldEnds: 'The old key ends', revoke: 'revoke', revokeKey: (name, id) => `Calls with the key ${name} (${id}) are refused from then on. Calls that run go on.`, groupNote: 'A path: acme/search is in acme.', limitsNote: 'As JSON, for example [{"money": 100, "per": "month"}].', deleteGroup: (name) => `The group ${name} must have no keys and no groups in it.`, allKeys: 'All', emptyGroups: 'There are no groups. They share limits, and their admins manage their keys.', emptyKeys: 'There are no keys. Make one, and name it by who will call.', lastUsed: 'Last used', over: 'over',

  // limits
  each: 'each caller', left: 'Left', resets: 'Until', emptyLimits: 'There are no limits. A route, a group or a key can have some.', limitsHow: 'Choose a route or a group to see what is used. Limits of keys are shown with their groups.',

  // playground
  beside: 'Beside', prompt: 'Question', system: 'System message', temperature: 'Temperature', maxTokens: 'Most tokens', more2: 'More', ask: 'Ask', stop: 'Stop', answer: 'Answer', thought: 'Reasoning', dropNote: 'A text file can be dropped here. Ctrl+Enter asks.', noFile: (name) => `${name} is no text, or larger than 256 KiB.`, fileIn: (name) => `${name} was added.`, emptyPlayground: 'There is no chat route that you may call.',

  // providers
  providers: 'Providers', test: 'Test', testing: 'Testing …', testNote: 'Asks for the list of models, or only connects: never a call that costs.', host: 'Host', lastError: 'Last error', states: { up: 'up', part: 'partly up', down: 'down', unknown: 'no news' }, emptyProviders: 'There are no routes yet, and so no providers.',

  // configuration
  config: 'Configuration', change: 'Change', setting: 'Setting', value: 'Value', from: 'From', onDisk: 'What the file on disk would change', sameOnDisk: 'Nothing: what is on disk is in force.', noFileOnDisk: 'There is no file: the built-in default is in force.', needsRestart: 'at the next start', lookAgain: 'Look again', inForce: 'In force', defaultsToo: 'Defaults too', onlyDefaults: 'Only defaults are in force.', file: 'File',

  // sessions
  sessions: 'Sessions', thisOne: 'this one', end: 'End', noSessions: 'Nobody is logged in.', endSession: (name) => `${name} must log in again.`,
};
