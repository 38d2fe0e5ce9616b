using System.Globalization;
using System.Text.Json;
using Microsoft.DurableTask;
using Skylight.Archive.Coding;
using Skylight.Core.Compression;
using Skylight.Core.Tests.Ingest;
using Skylight.Workflows.Compression;

namespace Skylight.Core.Tests.Compression;

/// <summary>The orchestration over a history: whatever turn it is cut at, it asks for the same again, and goes on.</summary>
public sealed class CompressionSweepV1Tests
{
    private static readonly CompressionReport s_nothing = new(1, 0, 0, 0, 0, 0, 0, null);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Run_CutAtEveryTurn_AsksForTheSameAgain_AndGoesOn(int inFlight)
    {
        var input = Input(inFlight, studiesPerRun: 100);
        var whole = new FakeContext(int.MaxValue);
        var result = await whole.RunAsync(input);
        Assert.Equal("studies 7, compressed 14, failed 1", result);
        for (var cut = 0; cut < whole.Asked.Count; cut++)
        {
            var replayed = new FakeContext(cut);
            Assert.Null(await replayed.RunAsync(input));
            Assert.Equal(whole.Asked.Take(replayed.Asked.Count), replayed.Asked);
            Assert.InRange(replayed.Asked.Count, cut + 1, cut + inFlight);
        }
    }

    [Fact]
    public async Task Run_TakesEachStudyStepByStep_ReportsOnce_AndAFailureStopsNobody()
    {
        var context = new FakeContext(int.MaxValue);
        await context.RunAsync(Input(1, studiesPerRun: 100));

        // Study 2 takes three steps, study 5 fails for good, and every other one takes one.
        Assert.Equal(["1", "2", "2>s:10", "2>s:20", "3", "4", "5", "6", "7"], context.Steps);
        Assert.Equal([0, 2, 6, 8, 10, 10, 12, 14], context.Progress);
        var report = Assert.Single(context.Reports);
        Assert.Equal((7, 1, 14, 7L, 1400L, 700L), (report.Studies, report.Failed, report.Coded, (long)report.Refused, report.Bytes, report.StoredBytes));
        Assert.Equal(context.CurrentUtcDateTime, report.FinishedAt!.Value.UtcDateTime);
    }

    [Fact]
    public async Task Run_AfterManyStudies_BeginsANewHistory_WhereItWas()
    {
        CompressionSweepInput? input = Input(2, studiesPerRun: 3);
        var (runs, steps) = (0, new List<string>());
        CompressionReport? report = null;
        for (; input is not null; runs++)
        {
            var context = new FakeContext(int.MaxValue);
            await context.RunAsync(input);
            (input, report) = (context.Next, context.Reports.LastOrDefault() ?? report);
            steps.AddRange(context.Steps);
        }

        Assert.Equal(3, runs);
        Assert.Equal(["1", "2", "2>s:10", "2>s:20", "3", "4", "5", "6", "7"], steps.Order(StringComparer.Ordinal));
        Assert.Equal((7, 1, 14), (report!.Studies, report.Failed, report.Coded));
    }

    [Fact]
    public void Input_SerializesToFarLessThan16KB() => Assert.True(JsonSerializer.SerializeToUtf8Bytes(Input(1, 1) with { Institution = new string('a', 32), Next = new string('n', 300) }).Length < 2048);

    private static CompressionSweepInput Input(int inFlight, int studiesPerRun) => new(1, "a", null, s_nothing, new CompressionSweepSettings(inFlight, studiesPerRun, 3, 1));

    /// <summary>Plans of three, three and one study. The first so many activities end, in the order in which they were asked for; the others never do.</summary>
    private sealed class FakeContext(int ends) : OneRun(CompressionSweepV1.Name)
    {
        private readonly Queue<(TaskCompletionSource<object?> End, Func<object?> Result)> _open = new();

        public List<string> Asked { get; } = [];

        public List<string> Steps { get; } = [];

        public List<CompressionReport> Reports { get; } = [];

        /// <summary>Instances compressed, as the custom status says from time to time.</summary>
        public List<int> Progress { get; } = [];

        public CompressionSweepInput? Next { get; private set; }

        public override void SetCustomStatus(object? customStatus) => Progress.Add(Assert.IsType<CompressionReport>(customStatus).Coded);

        /// <summary>Null when it was cut off.</summary>
        public Task<string?> RunAsync(CompressionSweepInput input) => Task.Run(async () =>
        {
            var run = CompressionSweepV1.RunAsync(this, input);
            for (var ended = 0; !run.IsCompleted && ended < ends; ended++)
            {
                var (end, result) = _open.Dequeue();
                try
                {
                    end.SetResult(result());
                }
                catch (TaskFailedException error)
                {
                    end.SetException(error);
                }
            }

            return run.IsCompleted ? await run : null;
        });

        public override async Task<TResult> CallActivityAsync<TResult>(TaskName name, object? input = null, TaskOptions? options = null)
        {
            Assert.NotNull(options?.Retry?.Policy);
            Asked.Add($"{name} {JsonSerializer.Serialize(input)}");
            var end = new TaskCompletionSource<object?>();
            _open.Enqueue((end, () => Result(name, input!)));
            return (TResult)(await end.Task)!;
        }

        private object? Result(TaskName name, object input)
        {
            switch (input)
            {
                case CompressionPlanInput { Next: null }:
                    return new CompressionPlan(["1", "2", "3"], "p2");
                case CompressionPlanInput { Next: "p2" }:
                    return new CompressionPlan(["4", "5", "6"], "p3");
                case CompressionPlanInput:
                    return new CompressionPlan(["7"], null);
                case CompressionStepInput { StudyKey: "5" }:
                    Steps.Add("5");
                    throw new TaskFailedException(name.ToString(), 5, new TaskFailureDetails("System.IO.IOException", "full", null, null, null));
                case CompressionStepInput step:
                    Steps.Add(step.Next is null ? step.StudyKey : $"{step.StudyKey}>{step.Next}");
                    var done = step.Next is null ? 0 : int.Parse(step.Next.AsSpan(2), CultureInfo.InvariantCulture);
                    var last = step.StudyKey != "2" || done == 20;
                    return new CompressionStep(last ? null : string.Create(CultureInfo.InvariantCulture, $"s:{done + 10}"), step.StudyKey == "2" && !last ? new CodingTally(1, 0, 100, 50) : new CodingTally(2, step.StudyKey == "7" ? 7 : 0, 200, 100));
                case CompressionReportInput report:
                    Reports.Add(report.Report);
                    return null;
                default:
                    throw new NotSupportedException();
            }
        }

        public override void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true) => Next = (CompressionSweepInput)newInput!;
    }
}
