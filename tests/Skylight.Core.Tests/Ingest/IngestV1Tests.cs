using Microsoft.DurableTask;
using Skylight.Workflows.Ingest;

namespace Skylight.Core.Tests.Ingest;

/// <summary>The orchestration with activities that end oldest first, on one thread as in an orchestration, and succeed or fail by number.</summary>
public sealed class IngestV1Tests
{
    private static readonly IngestSettings s_settings = new(4, 50, 3, 1);

    [Fact]
    public async Task Run_OfManyBatches_TakesEachOnce_NeverTooManyAtATime_AndFinishes()
    {
        var context = new FakeContext();
        IngestInput? input = new(1, "a", "u", 1, 120, 0, s_settings);
        var rounds = 0;
        for (; input is not null; rounds++)
        {
            context.Next = null;
            await context.RunAsync(input);
            input = context.Next;
        }

        Assert.Equal(3, rounds);
        Assert.Equal(Enumerable.Range(0, 120), context.Batches.Order());
        Assert.InRange(context.Most, 2, 4);
        Assert.Equal(new IngestFinishInput("a", "u", 1, null), Assert.Single(context.Finished));
    }

    [Fact]
    public async Task Run_WithBatchThatFailsForGood_FinishesWithACode_AfterWaitingForTheOthers()
    {
        var context = new FakeContext { Fails = 7 };
        await context.RunAsync(new IngestInput(1, "a", "u", 2, 40, 0, s_settings));
        Assert.Null(context.Next);
        Assert.Equal(0, context.Running);
        Assert.Equal("ingest-failed", Assert.Single(context.Finished).Failure);
        Assert.Equal(Enumerable.Range(0, 11), context.Batches.Order());
    }

    [Fact]
    public void Input_SerializesToFarLessThan16KB() =>
        Assert.True(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new IngestInput(1, new string('a', 32), new string('b', 26), 9, 100_000, 50, IngestSettings.Default)).Length < 1024);

    private sealed class FakeContext() : OneRun(IngestV1.Name)
    {
        private readonly Queue<TaskCompletionSource> _open = new();

        public List<int> Batches { get; } = [];

        public List<IngestFinishInput> Finished { get; } = [];

        public int Fails { get; init; } = -1;

        public int Running => _open.Count;

        public int Most { get; private set; }

        public IngestInput? Next { get; set; }

        /// <summary>Away from the runner's synchronization context, so that what follows a batch has run when its end was told.</summary>
        public Task RunAsync(IngestInput input) => Task.Run(() =>
        {
            var run = IngestV1.RunAsync(this, input);
            while (!run.IsCompleted) _open.Dequeue().SetResult();
            return run;
        });

        public override async Task<TResult> CallActivityAsync<TResult>(TaskName name, object? input = null, TaskOptions? options = null)
        {
            Assert.NotNull(options?.Retry?.Policy);
            if (input is IngestFinishInput finish)
            {
                Finished.Add(finish);
                return default!;
            }

            var batch = ((IngestBatchInput)input!).Batch;
            var end = new TaskCompletionSource();
            _open.Enqueue(end);
            Batches.Add(batch);
            Most = Math.Max(Most, _open.Count);
            await end.Task;
            if (batch == Fails) throw new TaskFailedException(name.ToString(), batch, new TaskFailureDetails("System.IO.IOException", "full", null, null, null));
            return default!;
        }

        public override void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true) => Next = (IngestInput)newInput!;
    }
}
