using FsCheck;
using FsCheck.Fluent;
using Skylight.Edge.Runtime.Durable;

namespace Skylight.Edge.Tests.Durable;

/// <summary>Replay, for orchestrations made up at random.</summary>
public sealed class ReplayProperties
{
    private static readonly Config Many = Config.QuickThrowOnFailure.WithMaxTest(200);

    [Fact]
    public void Replay_AtEveryCut_GivesTheSameStepsAndResult() =>
        Check.One(Many, Prop.ForAll(ArbMap.Default.ArbFor<int>(), (int seed) =>
        {
            var whole = new Simulation(seed);
            whole.Play();
            Assert.True(whole.Run.State is RunState.Completed or RunState.Running or RunState.Suspended, $"{whole.Run.State} {whole.Run.Failure}");
            for (var cut = 0; cut < whole.Turns.Count; cut++)
            {
                var run = whole.NewRun();
                run.Replay([.. whole.Turns.Take(cut).SelectMany(turn => turn.Turn.Events)]);
                foreach (var (now, messages, expected) in whole.Turns.Skip(cut))
                {
                    foreach (var message in messages) run.Apply(message, now);
                    var turn = run.TakeTurn();
                    Assert.Equal(expected.Events, turn.Events);
                    Assert.Equal(expected.Opened, turn.Opened);
                    Assert.Equal(expected.Closed, turn.Closed);
                    Assert.Equal(expected.Sent, turn.Sent);
                    Assert.Equal(expected.CustomStatus, turn.CustomStatus);
                }

                Assert.Equal((whole.Run.State, whole.Run.Output), (run.State, run.Output));
            }
        }));

    [Fact]
    public void Replay_OfAHistoryWithAnotherStep_IsRefusedAtThatStep() =>
        Check.One(Many, Prop.ForAll(ArbMap.Default.ArbFor<int>(), (int seed) =>
        {
            var whole = new Simulation(seed);
            whole.Play();
            var turns = whole.Run.IsOver ? whole.Turns.SkipLast(1) : whole.Turns;
            var history = turns.SelectMany(turn => turn.Turn.Events).ToList();
            for (var i = 0; i < history.Count; i++)
            {
                if (!history[i].IsOutgoing) continue;
                List<HistoryEvent> renamed = [.. history];
                renamed[i] = history[i] with { Name = "another" };
                var error = Assert.Throws<NonDeterministicOrchestrationException>(() => whole.NewRun().Replay(renamed));
                Assert.True(error.Message.Contains(FormattableString.Invariant($"at history event {i}, "), StringComparison.Ordinal), $"{i}: {error.Message}");
                List<HistoryEvent> shorter = [.. history[..i], .. history[(i + 1)..]];
                Assert.Throws<NonDeterministicOrchestrationException>(() => whole.NewRun().Replay(shorter));
            }
        }));
}
