using Skylight.Core.Documents;
using Xunit;

namespace Skylight.Conformance;

/// <summary>What every <see cref="IDocuments"/> must do.</summary>
public abstract class DocumentsConformance
{
    protected abstract IDocuments Documents { get; }

    public sealed record Note(string Text, int Count);

    private static readonly DocumentKey Key = new("hospital-a", "note", "n1");

    [Fact]
    public async Task Get_Missing_IsNull() => Assert.Null(await Documents.GetAsync<Note>(Key with { Id = "none" }, default));

    [Fact]
    public async Task Put_ThenGet_ReturnsValueAndETag()
    {
        var etag = await Documents.PutAsync(Key, new Note("片子", 1), Match.None, [], default);
        var read = await Documents.GetAsync<Note>(Key, default);
        Assert.Equal((etag, new Note("片子", 1)), (read!.ETag, read.Value));
    }

    [Fact]
    public async Task Put_WithStaleETag_Conflicts_AndChangesNothing()
    {
        var first = await Documents.PutAsync(Key, new Note("a", 1), Match.None, [], default);
        await Documents.PutAsync(Key, new Note("b", 2), Match.Version(first), [], default);
        await Assert.ThrowsAsync<DocumentConflictException>(async () => await Documents.PutAsync(Key, new Note("c", 3), Match.Version(first), [], default));
        await Assert.ThrowsAsync<DocumentConflictException>(async () => await Documents.PutAsync(Key, new Note("c", 3), Match.None, [], default));
        Assert.Equal("b", (await Documents.GetAsync<Note>(Key, default))!.Value.Text);
    }

    [Fact]
    public async Task Put_OfDeletedAndRecreated_RejectsTheOldETag()
    {
        var first = await Documents.PutAsync(Key, new Note("a", 1), Match.None, [], default);
        Assert.True(await Documents.DeleteAsync(Key, Match.Any, default));
        await Documents.PutAsync(Key, new Note("b", 1), Match.None, [], default);
        await Assert.ThrowsAsync<DocumentConflictException>(async () => await Documents.PutAsync(Key, new Note("c", 3), Match.Version(first), [], default));
    }

    [Fact]
    public async Task List_ByTerm_SeesOnlyItsPartitionTypeAndTerm_InPages()
    {
        for (var i = 0; i < 7; i++) await Documents.PutAsync(Key with { Id = $"n{i}" }, new Note("x", i), Match.None, [i % 2 == 0 ? "even" : "odd"], default);
        await Documents.PutAsync(Key with { Pk = "hospital-b" }, new Note("other", 0), Match.None, ["even"], default);
        await Documents.PutAsync(Key with { Type = "memo" }, new Note("other", 0), Match.None, ["even"], default);
        var first = await Documents.ListAsync<Note>("hospital-a", "note", "even", 3, null, default);
        var second = await Documents.ListAsync<Note>("hospital-a", "note", "even", 3, first.Continuation, default);
        Assert.Equal(["n0", "n2", "n4"], first.Items.Select(i => i.Id));
        Assert.Equal(["n6"], second.Items.Select(i => i.Id));
        Assert.Null(second.Continuation);
        await Documents.PutAsync(Key with { Id = "n0" }, new Note("x", 0), Match.Any, ["odd"], default);
        Assert.Equal(["n2", "n4", "n6"], (await Documents.ListAsync<Note>("hospital-a", "note", "even", 9, null, default)).Items.Select(i => i.Id));
    }

    [Fact]
    public async Task Put_Racing_ExactlyOneWriterWinsEachVersion()
    {
        await Documents.PutAsync(Key, new Note("", 0), Match.None, [], default);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var done = 0; done < 25;)
            {
                var mark = $"{writer}/{done};";
                var read = (await Documents.GetAsync<Note>(Key, default))!;
                if (read.Value.Text.Contains(mark, StringComparison.Ordinal))
                {
                    done++;
                    continue;
                }

                try
                {
                    await Documents.PutAsync(Key, new Note(read.Value.Text + mark, read.Value.Count + 1), Match.Version(read.ETag), [], default);
                    done++;
                }
                catch (DocumentConflictException)
                {
                    // Another writer was first, and nothing of this write is there: the mark would be found twice otherwise.
                    Assert.DoesNotContain(mark, (await Documents.GetAsync<Note>(Key, default))!.Value.Text, StringComparison.Ordinal);
                }
                catch (IOException)
                {
                    // A store that lost the answer and cannot find out: whoever writes reads again, and sees.
                }
            }
        })));
        var marks = (await Documents.GetAsync<Note>(Key, default))!.Value;
        Assert.Equal(200, marks.Count);
        Assert.Equal(200, marks.Text.Split(';', StringSplitOptions.RemoveEmptyEntries).Distinct().Count());
    }
}
