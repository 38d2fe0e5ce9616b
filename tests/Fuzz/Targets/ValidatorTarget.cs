using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>The validator: an answer for any dataset, of bounded length, with texts in both languages; asked twice, the same.</summary>
public sealed class ValidatorTarget : DicomTarget
{
    public override string Name => "validate";

    public override long Run(byte[] input, Random random)
    {
        var file = DicomFile.Read(input, Options(random));
        var found = DicomValidator.Validate(file.Dataset, file.Syntax, ValidationOptions.Strict);
        FuzzFailure.Unless(found.Count <= ValidationOptions.Strict.MaxFindings, "more findings than asked for");
        FuzzFailure.Unless(found.All(f => f.Text.Length > 0 && f.TextZh.Length > 0), "a finding without words");
        FuzzFailure.Unless(found.SequenceEqual(DicomValidator.Validate(file.Dataset, file.Syntax, ValidationOptions.Strict)), "the second answer is another");
        return Add(Behaviour.Start, found);
    }
}
