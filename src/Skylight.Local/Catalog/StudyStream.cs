using Microsoft.Data.Sqlite;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>Studies in order of the walk, each once, with the means to pass over many.</summary>
internal abstract class StudyStream : IDisposable
{
    /// <summary>Where the stream stands, after <see cref="SeekTo"/> has said that it stands anywhere.</summary>
    public StudyPosition Current { get; protected set; }

    /// <summary>Goes on to the first study at <paramref name="position"/> or behind it, if it is not there yet; false when there is none.</summary>
    public abstract bool SeekTo(StudyPosition position);

    public abstract void Dispose();
}

/// <summary>The part of the walk that a search looks at: sort keys from <paramref name="From"/> on, and what comes behind (<paramref name="Sort"/>, <paramref name="N"/>).</summary>
internal sealed record StudyWindow(string From, string Sort, long N)
{
    /// <summary>Whether it begins at a day.</summary>
    public bool IsDated => From.Length > 1;
}

/// <summary>The studies of one term: a range of the table's key, read in its order.</summary>
internal sealed class TermStream : StudyStream
{
    private const string Sql = "SELECT t.sort, t.n FROM terms t WHERE t.pk=? AND t.kind=? AND t.value=? AND t.sort>=? AND (t.sort, t.n)<(?,?) ORDER BY t.sort DESC, t.n DESC";

    /// <summary>Rows that are read one after another before looking for a place costs less.</summary>
    private const int Steps = 12;

    private readonly RawStatement _statement;
    private bool _started;

    public TermStream(SqliteConnection connection, string institution, TermKind kind, string value, StudyWindow window)
    {
        _statement = connection.Raw(Sql);
        _statement.Bind(1, institution);
        _statement.Bind(2, (int)kind);
        _statement.Bind(3, value);
        _statement.Bind(4, window.From);
        _statement.Bind(5, window.Sort);
        _statement.Bind(6, window.N);
    }

    public override bool SeekTo(StudyPosition position)
    {
        if (!_started)
        {
            _started = true;
            if (position == StudyPosition.First) return Step();
            // Any position that is looked for was found by another stream of the same search, so it lies inside the window.
            return Restart(position);
        }

        for (var step = 0; step < Steps; step++)
        {
            if (Current <= position) return true;
            if (!Step()) return false;
        }

        return Current <= position || Restart(position);
    }

    public override void Dispose() => _statement.Dispose();

    private bool Restart(StudyPosition position)
    {
        _statement.Reset();
        _statement.Bind(5, position.SortText());
        _statement.Bind(6, position.N + 1);
        return Step();
    }

    private bool Step()
    {
        if (!_statement.Step()) return false;
        Current = StudyPosition.Of(_statement.Blob(0), _statement.Int64(1));
        return true;
    }
}

/// <summary>The studies that any of some streams has.</summary>
internal sealed class MergedStream(IReadOnlyList<StudyStream> streams) : StudyStream
{
    private readonly List<StudyStream> _left = [.. streams];

    public override bool SeekTo(StudyPosition position)
    {
        var first = default(StudyPosition?);
        for (var i = _left.Count - 1; i >= 0; i--)
        {
            if (!_left[i].SeekTo(position)) _left.RemoveAt(i);
            else if (first is null || _left[i].Current > first) first = _left[i].Current;
        }

        if (first is not { } found) return false;
        Current = found;
        return true;
    }

    public override void Dispose()
    {
        foreach (var stream in streams) stream.Dispose();
    }
}

/// <summary>Studies that were gathered whole.</summary>
internal sealed class GatheredStream : StudyStream
{
    private readonly List<StudyPosition> _positions;
    private int _next;

    /// <param name="positions">In any order, with repetitions.</param>
    public GatheredStream(List<StudyPosition> positions)
    {
        _positions = positions;
        _positions.Sort(static (a, b) => b.CompareTo(a));
    }

    public override bool SeekTo(StudyPosition position)
    {
        while (_next < _positions.Count && _positions[_next] > position) _next++;
        if (_next == _positions.Count) return false;
        Current = _positions[_next];
        return true;
    }

    public override void Dispose() => _positions.Clear();
}
