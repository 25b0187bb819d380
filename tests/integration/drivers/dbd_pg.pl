# DBD::Pg through the pooler: perl dbd_pg.pl PORT USER PASSWORD DATABASE PREPARE
use strict;
use warnings;
use DBI;

my ($port, $user, $password, $database, $prepare) = @ARGV;
my $db = DBI->connect("dbi:Pg:host=127.0.0.1;port=$port;dbname=$database", $user,
  $password, {RaiseError => 1, PrintError => 0, AutoCommit => 1,
    pg_server_prepare => $prepare});

sub check {
  my ($holds, $what) = @_;
  die "not ok $what\n" unless $holds;
  print "ok $what\n";
}

check($db->selectrow_array("select 1 + 1") == 2, "select");
my $statement = $db->prepare("select ?::int * 2");
for my $i (1 .. 5) {
  $statement->execute($i);
  check(($statement->fetchrow_array)[0] == 2 * $i, "prepared $i");
}
$db->do("drop table if exists dbd_t");
$db->do("create table dbd_t (id int, word text)");
$db->begin_work;
$db->do("insert into dbd_t values (?, ?)", undef, $_, "w$_") for 1 .. 20;
$db->rollback;
check($db->selectrow_array("select count(*) from dbd_t") == 0, "rollback");
$db->begin_work;
$db->do("copy dbd_t from stdin");
$db->pg_putcopydata("$_\tword $_\n") for 1 .. 100;
$db->pg_putcopyend;
$db->commit;
check($db->selectrow_array("select sum(id) from dbd_t") == 5050, "copy in");
$db->do("copy dbd_t to stdout");
my ($line, $lines) = ("", 0);
$lines++ while $db->pg_getcopydata(\$line) >= 0;
check($lines == 100, "copy out");
eval { $db->do("select 1/0") };
check($db->state eq "22012", "sqlstate");
check($db->selectrow_array("select 'goes on'") eq "goes on", "after an error");
$db->do("select pg_sleep(0.01)", {pg_async => 1}) if $db->can("pg_ready");
$db->pg_result if $db->can("pg_ready");
$db->do("drop table dbd_t");
$db->disconnect;
