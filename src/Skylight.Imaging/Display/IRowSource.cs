namespace Skylight.Imaging.Display;

/// <summary>A picture before resampling, row by row; implementations are structs over the stored values, so that nothing is copied.</summary>
internal interface IRowSource
{
    /// <summary>Fills one source row with display values 0 … 255: the whole row of the first sample, then of the second and third.</summary>
    void Fill(int y, Span<float> row);
}
