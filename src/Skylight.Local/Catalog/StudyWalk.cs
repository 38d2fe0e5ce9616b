namespace Skylight.Local.Catalog;

/// <summary>The studies that all streams have, in order. Each stream in turn is asked for the place where the others stand, and names a later one if it does not have that.</summary>
/// <param name="most">Studies that are looked at before the walk stops.</param>
internal sealed class StudyWalk(IReadOnlyList<StudyStream> streams, int most)
{
    private StudyPosition _next = StudyPosition.First;
    private int _seen;

    /// <summary>What a walk that has stopped early goes on behind; null after one that came to its end.</summary>
    public StudyPosition? StoppedAt { get; private set; }

    /// <summary>The next study; null at the end.</summary>
    public StudyPosition? Next()
    {
        var (agreed, counted) = (0, false);
        for (var i = 0; agreed < streams.Count; i = (i + 1) % streams.Count)
        {
            if (!streams[i].SeekTo(_next)) return null;
            var moved = streams[i].Current != _next;
            _next = streams[i].Current;
            agreed = moved ? 1 : agreed + 1;
            if (counted && !moved) continue;
            counted = true;
            if (_seen++ < most) continue;

            // Whether this one is found has not been looked at: the next page begins with it.
            StoppedAt = _next with { N = _next.N + 1 };
            return null;
        }

        var found = _next;
        _next = _next.Next;
        return found;
    }
}
