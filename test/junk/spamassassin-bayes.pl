# Learns and judges by the Bayes filter of SpamAssassin alone: perl spamassassin-bayes.pl FOLDER LIST
# LIST: lines "learn|score LABEL PATH", label 1 = spam. Prints a probability for each line of "score".
use strict;
use warnings;
use Mail::SpamAssassin;
use Mail::SpamAssassin::PerMsgStatus;

my ($folder, $list) = @ARGV;
my $sa = Mail::SpamAssassin->new({
  config_text => do { local (@ARGV, $/) = "$folder/local.cf"; <> } . "bayes_path $folder/bayes\nloadplugin Mail::SpamAssassin::Plugin::Bayes\nbody BAYES_99 eval:check_bayes('0.99', '1.00')\n",
  local_tests_only => 1,
  dont_copy_prefs => 1,
  userprefs_filename => "$folder/local.cf",
});
$sa->init(1);
$sa->init_learner({ caller_will_untie => 1 });
my $bayes;
for my $plugin (@{ $sa->{plugins}->{plugins} }) { $bayes = $plugin if ref($plugin) eq 'Mail::SpamAssassin::Plugin::Bayes' }
die "no Bayes\n" unless $bayes;
open my $lines, '<', $list or die $!;
while (<$lines>) {
  chomp;
  my ($what, $label, $path) = split / /, $_, 3;
  open my $file, '<', $path or die "$path: $!";
  my $text = do { local $/; <$file> };
  close $file;
  my $message = $sa->parse($text, 1);
  if ($what eq 'learn') {
    my $status = $sa->learn($message, undef, $label, 0);
    $status->finish();
  } else {
    my $status = Mail::SpamAssassin::PerMsgStatus->new($sa, $message);
    $status->extract_message_metadata();
    my $score = $bayes->scan($status, $message);
    printf "%.12g\n", defined $score ? $score : 0.5;
    $status->finish();
  }
  $message->finish();
}
$sa->finish_learner();
