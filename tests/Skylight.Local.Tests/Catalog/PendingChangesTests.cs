using Skylight.Archive.Objects;
using Skylight.Conformance;
using Skylight.Core.Catalog;
using Skylight.Local.Catalog;

namespace Skylight.Local.Tests.Catalog;

/// <summary>Changes on their way into a file that has no room for a while.</summary>
public sealed class PendingChangesTests
{
    private readonly TestClock _clock = new(DateTimeOffset.UnixEpoch);
    private readonly List<(string Key, long Revision)> _written = [];
    private Exception? _fault = new StorageFullException("No room.");

    [Fact]
    public async Task Write_WithoutRoom_IsTriedAgain_AndNothingIsLost()
    {
        var pending = new PendingChanges(WriteAsync, _clock);
        await pending.AddAsync(1, Change("a", 1), []);
        var searching = pending.FlushAsync(default).AsTask();
        await Assert.ThrowsAsync<StorageFullException>(() => searching);
        Assert.NotNull(pending.Full);
        await Assert.ThrowsAsync<StorageFullException>(async () => await pending.FlushAsync(default));

        // What was under way when the room ran out is kept, and seen by point reads.
        await pending.AddAsync(2, Change("a", 2), []);
        await pending.AddAsync(3, Change("b", 1), []);
        Assert.Equal(2, pending.Find("h", "a")!.Revision);
        _fault = null;
        await TriedAgainAsync(pending);
        await pending.FlushAsync(default);
        Assert.Equal([("a", 1L), ("a", 2L), ("b", 1L)], _written);
    }

    [Fact]
    public async Task Write_ThatFailsOtherwise_TakesNothingMore()
    {
        _fault = new IOException("Damaged.");
        var pending = new PendingChanges(WriteAsync, _clock);
        await pending.AddAsync(1, Change("a", 1), []);
        await Assert.ThrowsAsync<IOException>(async () => await pending.FlushAsync(default));
        Assert.Null(pending.Full);
        await Assert.ThrowsAsync<IOException>(async () => await pending.AddAsync(2, Change("a", 2), []));
    }

    /// <summary>Lets the pauses pass until the file has room in the eyes of the writer.</summary>
    private async Task TriedAgainAsync(PendingChanges pending)
    {
        while (pending.Full is not null)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
    }

    private Task WriteAsync(IReadOnlyCollection<PendingStudy> studies, long sequence)
    {
        if (_fault is { } fault) return Task.FromException(fault);
        _written.AddRange(studies.Select(study => (study.Document.StudyKey, study.Document.Revision)).Order());
        return Task.CompletedTask;
    }

    private static StudyChange Change(string key, long revision)
    {
        var study = new StudyDocument { Institution = "h", StudyKey = key, StudyInstanceUid = "1.2", PatientKey = "p", Attributes = new StudyAttributes(), Revision = revision - 1 };
        return StudyChange.Of(revision == 1 ? null : study, study, []);
    }
}
