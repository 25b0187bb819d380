#include "session/watch_question.hpp"

#include "session/answer_row.hpp"
#include "session/extended_batch.hpp"
#include "session/statements.hpp"

namespace cenote::session {

namespace {

/// In force up to the Sync. The client's search_path may hold anything, its
/// statement_timeout be short; compiling costs more than it saves.
constexpr std::string_view surroundings
  = "select '-', pg_catalog.set_config('search_path', 'pg_catalog', true), "
    "pg_catalog.concat(pg_catalog.set_config('statement_timeout', '20s', "
    "true), case when pg_catalog.current_setting('jit', true) is not null "
    "then pg_catalog.set_config('jit', 'off', true) end)";

// The parts of the question, in SQL without backslashes (whose meaning is a
// setting's). What is matched is in lower case, between `;` and a blank; names
// are folded by the "C" locale, in which only ASCII has two cases.

/// `s`: all that was written by somebody and may be suspicious. Functions have
/// a source; SQL-standard bodies (14 and later: a column that others do not
/// have), views, rules, policies, defaults, checks and WHEN are trees, which
/// have the function's oid: nothing depends on what is built in.
constexpr std::string_view written = R"(danger(pattern) as (
  select ':funcid (' || string_agg(p.oid::text, '|') || ') ' from pg_proc p
  where p.oid < '16384'::oid and p.proname in ('set_config',
    'pg_advisory_lock', 'pg_advisory_lock_shared', 'pg_try_advisory_lock',
    'pg_try_advisory_lock_shared', 'pg_advisory_unlock',
    'pg_advisory_unlock_shared', 'pg_advisory_unlock_all')
), said(c, oid, w, lang, src) as (
  select 'f', p.oid, false, l.lanname, p.prosrc
  from pg_proc p join pg_language l on l.oid = p.prolang
  where p.oid >= '16384'::oid and l.lanname not in ('internal', 'c')
    and p.prosrc <> ''
  union all
  select 'f', p.oid, false, '', pg_get_functiondef(p.oid)
  from danger, pg_proc p join pg_language l on l.oid = p.prolang
  where p.oid >= '16384'::oid and l.lanname = 'sql' and p.prosrc = ''
    and to_jsonb(p) ->> 'prosqlbody' ~ pattern
  union all
  select 'r', r.rel, r.w, '', r.src from danger, lateral (
    select ev_class, false, pg_get_ruledef(oid) from pg_rewrite
    where oid >= '16384'::oid and ev_action::text || ev_qual::text ~ pattern
    union all
    select polrelid, false, concat(pg_get_expr(polqual, polrelid), ';',
      pg_get_expr(polwithcheck, polrelid)) from pg_policy
    where concat(polqual::text, polwithcheck::text) ~ pattern
    union all
    select adrelid, true, pg_get_expr(adbin, adrelid) from pg_attrdef
    where adbin::text ~ pattern
    union all
    select conrelid, true, pg_get_constraintdef(oid) from pg_constraint
    where oid >= '16384'::oid and conbin::text ~ pattern
    union all
    select tgrelid, true, pg_get_triggerdef(oid) from pg_trigger
    where tgqual::text ~ pattern
  ) r(rel, w, src)
), s(c, oid, w, lang, src) as (
  select c, oid, w, lang, case when t like '%set_config%' then
    regexp_replace(t, 'set_config[[:space:]]*[(][^()]*,[[:space:]]*'
      '(true|''t(rue)?'')[[:space:]]*[)]', '', 'g') else t end
  from said, lateral (
    select ';' || lower(src collate "C") || ' ' offset 0) l(t)
  offset 0
))";

/// A condition on `s`. SET also stands in UPDATE: it counts where a statement
/// begins, behind a comment, too. EXECUTE may do anything.
constexpr std::string_view suspicious = R"(case
  when lang = '' then src ~ 'set_config|advisory_(un)?lock'
  when lang in ('sql', 'plpgsql') then src ~ 'set_config|advisory_(un)?lock'
    '|[^a-z0-9_$](pg_temp|temp|temporary|execute)[^a-z0-9_$]'
    '|with[[:space:]]+hold|update[[:space:]]+(pg_catalog[.])?pg_settings'
    '|(;|[*]/|--[^
]*
|[^a-z0-9_$](begin|then|else|loop)[^a-z0-9_$])[[:space:]]*'
    '((set[[:space:]]+(?!(local|constraints|transaction)[^a-z0-9_$]))'
    '|(reset|discard|listen|unlisten|load|prepare|deallocate|do)[^a-z0-9_$])'
  when lang ~ '^pl(perl|python|tcl|v8)' then
    src ~ 'set_config|advisory|execute|spi|plpy|query|prepare|cursor'
  else true end)";

/// `edge`: what may run `oid`. Functions by words of their source (of a name
/// its first one), everything else by what depends on what. `w`: only if
/// something is written.
constexpr std::string_view edges = R"(, word(oid, word, writes) as (
  select distinct s.oid, t.word, s.writes from (
    select oid, src, src ~ '[^a-z0-9_$](insert|update|delete|merge|copy'
      '|truncate)[^a-z0-9_$]' from s where c = 'f' offset 0) s(oid, src, writes),
    regexp_split_to_table(s.src, '[[:cntrl:] -#%-/:-@[-^`{-~]+') t(word)
  where t.word <> ''
), called(c, oid, name, word) as (
  select c, oid, name, substring(name from '[^[:cntrl:] -#%-/:-@[-^`{-~]+')
  from (
    select 'f', oid, lower(proname::text collate "C") from pg_proc
    where oid >= '16384'::oid
    union all
    select 'r', oid, lower(relname::text collate "C") from pg_class
    where oid >= '16384'::oid and relkind in ('r', 'v', 'm', 'p', 'f')
  ) k(c, oid, name)
), edge(c, oid, to_c, to_oid, makes_w, keeps_w, reads) as (
  select k.c, k.oid, 'f', word.oid, false, false, not word.writes
  from word join called k on k.word = word.word
  union all
  select case when d.refclassid = 'pg_proc'::regclass then 'f' else 'r' end,
    d.refobjid, 'f', d.objid, false, false, false
  from pg_depend d where d.classid = 'pg_proc'::regclass
    and d.refobjid >= '16384'::oid
    and d.refclassid in ('pg_proc'::regclass, 'pg_class'::regclass)
  union all
  select case when d.refclassid = 'pg_proc'::regclass then 'f' else 'r' end,
    d.refobjid, 'r', r.ev_class, false, true, false
  from pg_depend d join pg_rewrite r on r.oid = d.objid
  where d.classid = 'pg_rewrite'::regclass and d.refobjid <> r.ev_class
    and d.refclassid in ('pg_proc'::regclass, 'pg_class'::regclass)
  union all
  select 'f', t.tgfoid, 'r', t.tgrelid, true, false, false from pg_trigger t
  union all
  select 'f', d.refobjid, 'r', v.rel, v.w, true, false
  from pg_depend d join (
    select 'pg_attrdef'::regclass, oid, adrelid, true from pg_attrdef
    union all
    select 'pg_policy'::regclass, oid, polrelid, false from pg_policy
    union all
    select 'pg_constraint'::regclass, oid, conrelid, true from pg_constraint
    where contype <> 'f' and conrelid <> '0'::oid
    union all
    select 'pg_class'::regclass, indexrelid, indrelid, true from pg_index
  ) v(class, oid, rel, w) on v.class = d.classid and v.oid = d.objid
  where d.refclassid = 'pg_proc'::regclass
  union all
  select 'r', conrelid, 'r', confrelid, true, false, false from pg_constraint
  where contype = 'f' and (confupdtype in ('c', 'n', 'd')
    or confdeltype in ('c', 'n', 'd'))
  union all
  select 'r', inhrelid, 'r', inhparent, false, true, false from pg_inherits
  union all
  select 'f', d.refobjid, '*', '0'::oid, false, false, false from pg_depend d
  where d.refclassid = 'pg_proc'::regclass and d.refobjid >= '16384'::oid and (
    d.classid in ('pg_type'::regclass, 'pg_operator'::regclass,
      'pg_cast'::regclass)
    or d.classid = 'pg_constraint'::regclass and exists (
      select from pg_constraint k
      where k.oid = d.objid and k.contypid <> '0'::oid))
), n(c, oid, w, x) as (
  select c, oid, w, src ~ 'set_config[[:space:]]*[(][[:space:]]*'
    '(?!''[^'']*''(::[a-z]+)?[[:space:]]*,)'
    '|''[[:space:]]*set[[:space:]]+(?!(session[[:space:]]+)?'
    '[a-z_][a-z0-9_.$]*[[:space:]]*(=|to[[:space:]])'
    '|(local|time|role|transaction|constraints)[[:space:]])'
  from s where )";

/// `n`: who is to be watched. `x`: the name of a setting is computed.
constexpr std::string_view closure = R"(
  union
  select e.to_c, e.to_oid, e.makes_w or e.keeps_w and n.w, n.x
  from n join edge e on e.c = n.c and e.oid = n.oid and not (n.w and e.reads)
)
select * from (
  select case when n.c = '*' then '*' when k.name ~ '[^ -~]' then 'h'
      else 'n' end,
    case when n.c = '*' or k.name ~ '[^ -~]' then '' else k.name end,
    case when bool_and(n.w) then 'w' else '' end
      || case when bool_or(n.x) then 'x' else '' end
  from n left join called k on k.c = n.c and k.oid = n.oid
  where n.c = '*' or k.oid is not null
  group by 1, 2
  limit )";

/// Custom settings that the sources name.
constexpr std::string_view settings = R"() a
union all
select * from (select distinct 's', m[1], '' from s, lateral (
    select regexp_matches(s.src,
      '''([a-z_][a-z0-9_$]*[.][a-z0-9_$.]+)''', 'g')
    union all
    select regexp_matches(s.src, '[^a-z0-9_$]set[[:space:]]+'
      '(?:session[[:space:]]+)?([a-z_][a-z0-9_$]*[.][a-z0-9_$.]+)'
      '[[:space:]]*(?:=|to[[:space:]])', 'g')) m(m)
  where s.oid in (select oid from n) and length(m[1]) < 128
  limit )";

std::string question_of(watch_stage stage) {
  std::string out;
  const auto put = [&](auto... parts) { (out.append(parts), ...); };
  if (stage == watch_stage::probe)
    put("with ", written,
        "select 'q', '', '' where exists (select from s where ", suspicious,
        ")");
  else
    // One more than is kept of each, so that it is known.
    put("with recursive ", written, edges, suspicious, closure,
        std::to_string(watched_words::words_max + 1), settings,
        std::to_string(watched_words::settings_max + 1), ") b");
  return out;
}

} // namespace

void append_watch_question(std::vector<std::byte>& out, std::string& sent,
                           watch_stage stage) {
  constexpr auto statement = statement_identity::watcher;
  extended_batch make{out, sent};
  const auto question = question_of(stage);
  for (auto sql : {surroundings, std::string_view{question}}) {
    make.close(statement);
    make.parse(statement, sql);
    make.bind(statement);
    make.execute();
  }
  make.close(statement);
  make.sync();
}

void watch_reader::row(std::span<const std::byte> body) {
  const auto row = read_answer_row(body);
  if (!row)
    return cut();
  const auto has = [flags = row->value](char flag) {
    return flags.find(flag) != std::string_view::npos;
  };
  switch (row->kind) {
    case '-':
      return;
    case 'q':
      has_more_ = true;
      return;
    case 'n':
      return found_.add(row->name, {has('w'), has('x')});
    case 's':
      return found_.add_setting(row->name);
    case 'h':
      return found_.watch_high(has('x'));
    default:
      return found_.watch_all(has('x'));
  }
}

} // namespace cenote::session
